"""Reach what lies at a path, and nothing that a link leads to.

The modules run as root and work in directories that less privileged accounts write. So a path is opened part
by part: a link in it is followed only where nobody but root and this account could have put it there. What is
to be done is done by the open directory and a bare name, so that nothing exchanged meanwhile leads elsewhere.

``openat2(2)``, ``RESOLVE_NO_SYMLINKS``, does most of it by one call (Linux 5.6); elsewhere, and where a part
is a link, the parts are opened one by one.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import Refusal

MOST = 1 << 20  # bytes of a small file: a ledger has its own limit

_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY  # a FIFO answers at once, and is refused
_OPENAT2 = 437  # the same on every architecture
_CWD = -100  # AT_FDCWD in fcntl.h
_NO_SYMLINKS = 0x04  # RESOLVE_NO_SYMLINKS in linux/openat2.h
# Then it is done by parts: a part is a link, or kernel or container (EPERM) know no such call.
_BY_PARTS = (errno.ELOOP, errno.ENOTDIR, errno.ENOSYS, errno.EPERM)
_MOST_LINKS = 40  # as many as the kernel follows
_WRITABLE = stat.S_IWGRP | stat.S_IWOTH
_LIBC = ctypes.CDLL(None, use_errno=True)


class UnsafePathError(Refusal, OSError):
    """Something lies where only a directory or a regular file of the right account may."""

    def __init__(self, path: Path, why: str) -> None:
        """Say what it is and what to do."""
        OSError.__init__(self, errno.EPERM, why, os.fspath(path))

    def __str__(self) -> str:
        """Return it as a sentence."""
        return f"{self.filename}: {self.strerror}"


def is_own(status: os.stat_result) -> bool:
    """Return whether only root and this account may change it."""
    return status.st_uid in (0, os.geteuid()) and not status.st_mode & _WRITABLE


@contextmanager
def folder(path: Path, *, read: bool = False) -> Iterator[int]:
    """Open a directory, for what has a name in it.

    Args:
        path: the directory.
        read: whether its names are to be read, or synced; else the right to pass through it is enough.

    Raises:
        UnsafePathError: a part of the path is a link that another account may have made.
        OSError: it is not there, or no directory.
    """
    handle = _opened(path, _FOLDER | (os.O_RDONLY if read else os.O_PATH))
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Give an error its whole path: the kernel was told a bare name, or none."""
    try:
        yield
    except UnsafePathError:
        raise
    except OSError as error:
        error.filename = os.fspath(path)
        raise


def open_file(path: Path, flags: int, mode: int = 0o600) -> int:
    """Open a file, which is never a link; one that is no regular file does not block.

    Raises:
        OSError: as ``open(2)``; ELOOP: it is a link.
    """
    with named(path), folder(path.parent) as parent:
        return os.open(path.name, flags | _FILE, mode, dir_fd=parent)


def read_small(path: Path, *, most: int = MOST, own: bool = False) -> bytes:
    """Return what a small file holds.

    Args:
        path: the file.
        most: bytes; a longer one is refused before it is read.
        own: whether it must belong to root or this account, and nobody else may write it.

    Raises:
        UnsafePathError: it is no regular file, too long, or of another account.
        OSError: it is not there, or this account may not read it.
    """
    try:
        handle = open_file(path, os.O_RDONLY)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link, a socket
            raise UnsafePathError(path, "it is no regular file: take it away") from None
        raise
    try:
        check_file(path, os.fstat(handle), own=own)
        content = bytearray()
        while block := os.read(handle, min(1 << 16, most + 1 - len(content))):
            content += block
            if len(content) > most:
                raise UnsafePathError(path, f"it is longer than {most} bytes: look into it")
        return bytes(content)
    finally:
        os.close(handle)


def check_file(path: Path, status: os.stat_result, *, own: bool = False) -> None:
    """Refuse what is no regular file, and with ``own`` what another account owns or may write.

    Raises:
        UnsafePathError: that is so.
    """
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a directory", os.fspath(path))
    if not stat.S_ISREG(status.st_mode):
        raise UnsafePathError(path, "it is no regular file: take it away")
    if own and not is_own(status):
        raise UnsafePathError(
            path,
            f"it belongs to account {status.st_uid} and has mode {stat.S_IMODE(status.st_mode):04o}, so that "
            "another account may have written it: look into it, then take it away",
        )


def status_of(path: Path) -> os.stat_result | None:
    """Return the status of a name, of a link its own; None where there is nothing."""
    try:
        with named(path), folder(path.parent) as parent:
            return os.stat(path.name, dir_fd=parent, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None


def is_folder(path: Path) -> bool:
    """Return whether a directory lies there, and no link to one."""
    status = status_of(path)
    return status is not None and stat.S_ISDIR(status.st_mode)


def is_file(path: Path) -> bool:
    """Return whether a regular file lies there, and no link to one."""
    status = status_of(path)
    return status is not None and stat.S_ISREG(status.st_mode)


def is_link(path: Path) -> bool:
    """Return whether a link lies there."""
    status = status_of(path)
    return status is not None and stat.S_ISLNK(status.st_mode)


def is_there(path: Path) -> bool:
    """Return whether anything lies there; a link need not lead to anything."""
    return status_of(path) is not None


def read_link(path: Path) -> str:
    """Return where a link leads to, as it is written there."""
    with named(path), folder(path.parent) as parent:
        return os.readlink(path.name, dir_fd=parent)


def listed(path: Path) -> list[str]:
    """Return the names in a directory, in their order.

    Raises:
        OSError: it is not there, or no directory.
    """
    with named(path), folder(path, read=True) as handle:
        return sorted(os.listdir(handle))  # noqa: PTH208 - by its descriptor


def is_empty(path: Path) -> bool:
    """Return whether a directory has nothing in it."""
    return not listed(path)


def _opened(path: Path, flags: int) -> int:
    """Open a directory, by one call where nothing in its path is a link."""
    how = struct.pack("QQQ", flags, 0, _NO_SYMLINKS)
    found = int(_LIBC.syscall(_OPENAT2, _CWD, os.fsencode(path), how, ctypes.c_size_t(len(how))))
    if found >= 0:
        return found
    number = ctypes.get_errno()
    if number not in _BY_PARTS:
        raise OSError(number, os.strerror(number), os.fspath(path))
    return _opened_by_parts(path, flags)


def _opened_by_parts(path: Path, flags: int) -> int:
    """Open a directory part by part; a link that only root or this account can have made is followed."""
    parts = [*reversed(path.parts)]
    links = 0
    with named(path):
        at = os.open(".", _FOLDER | os.O_PATH)
        try:
            while parts:
                part = parts.pop()
                try:
                    below = os.open(part, _FOLDER | os.O_PATH, dir_fd=at)
                except (NotADirectoryError, OSError) as error:
                    if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                        raise
                    links += 1
                    parts += reversed(Path(_trusted_link(at, part, path, links)).parts)
                    continue
                os.close(at)
                at = below
            return os.open(".", flags, dir_fd=at)
        finally:
            os.close(at)


def _trusted_link(at: int, part: str, path: Path, links: int) -> str:
    """Return where a link in an open directory leads to.

    Raises:
        UnsafePathError: another account may have made it.
        OSError: it is no link, or one of too many.
    """
    status, around = os.stat(part, dir_fd=at, follow_symlinks=False), os.fstat(at)
    if not stat.S_ISLNK(status.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    if links > _MOST_LINKS:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    ours = (0, os.geteuid())
    shared = around.st_mode & _WRITABLE and not around.st_mode & stat.S_ISVTX
    if status.st_uid not in ours or around.st_uid not in ours or shared:
        raise UnsafePathError(
            path, f"its part {part} is a link that another account may have made: take it away"
        )
    return os.readlink(part, dir_fd=at)
