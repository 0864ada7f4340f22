"""Rename so that no answer of the file system misleads; exchange two names by one system call.

``renameat2(2)``, ``RENAME_EXCHANGE``: Linux 3.15 and file systems that take part in it (ext4, xfs, btrfs,
tmpfs; not NFS). Done twice it swaps back, so a caller decides by what lies where, not by what it did last.
Both go by open directories and bare names, so no link in a path leads them elsewhere.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from pathlib import Path

from .no_follow import folder, status_of

_EXCHANGE = 2  # RENAME_EXCHANGE in linux/fs.h
_CANNOT = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)


def exchange(one: Path, other: Path) -> bool:
    """Exchange what two names lead to; return False where the kernel or the file system cannot."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)  # glibc 2.28, musl 1.2.4
    if call is None:
        return False
    with folder(one.parent) as first, folder(other.parent) as second:
        names = os.fsencode(one.name), os.fsencode(other.name)
        if call(first, names[0], second, names[1], ctypes.c_uint(_EXCHANGE)) == 0:
            return True
    number = ctypes.get_errno()
    if number in _CANNOT:
        return False
    raise OSError(number, os.strerror(number), str(one), None, str(other))


def rename(source: Path, target: Path, call: Callable[..., object] | None = None) -> None:
    """Rename, and judge an answer that the source is not there by what is.

    An NFS client that lost the answer asks again; the server, which has done it, finds no source then
    (rename(2), BUGS).

    Args:
        source: what is renamed.
        target: its new name.
        call: what renames, with the arguments of ``os.rename``; else the kernel does.
    """
    found = status_of(source)
    if found is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(source))
    try:
        with folder(source.parent) as first, folder(target.parent) as second:
            (call or os.rename)(source.name, target.name, src_dir_fd=first, dst_dir_fd=second)
    except FileNotFoundError:
        there = status_of(target)
        if status_of(source) is not None or there is None or there.st_ino != found.st_ino:
            raise
    except OSError as error:
        error.filename, error.filename2 = str(source), str(target)
        raise
