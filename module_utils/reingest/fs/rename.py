"""Rename so that no answer of the file system misleads; exchange two names by one system call.

``renameat2(2)``, ``RENAME_EXCHANGE``: Linux 3.15 and file systems that take part in it (ext4, xfs, btrfs,
tmpfs; not NFS). Done twice it swaps back, so a caller decides by what lies where, not by what it did last.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from pathlib import Path

_EXCHANGE = 2  # RENAME_EXCHANGE in linux/fs.h
_CWD = -100  # AT_FDCWD in fcntl.h
_CANNOT = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)


def exchange(one: Path, other: Path) -> bool:
    """Exchange what two names lead to; return False where the kernel or the file system cannot."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)  # glibc 2.28, musl 1.2.4
    if call is None:
        return False
    if call(_CWD, os.fsencode(one), _CWD, os.fsencode(other), ctypes.c_uint(_EXCHANGE)) == 0:
        return True
    number = ctypes.get_errno()
    if number in _CANNOT:
        return False
    raise OSError(number, os.strerror(number), str(one), None, str(other))


def rename(source: Path, target: Path, call: Callable[[Path, Path], object] | None = None) -> None:
    """Rename, and judge an answer that the source is not there by what is.

    An NFS client that lost the answer asks again; the server, which has done it, finds no source then
    (rename(2), BUGS).

    Args:
        source: what is renamed.
        target: its new name.
        call: what renames; else the kernel does.
    """
    inode = source.lstat().st_ino
    try:
        (call or os.rename)(source, target)
    except FileNotFoundError:
        if os.path.lexists(source) or not os.path.lexists(target) or target.lstat().st_ino != inode:
            raise
