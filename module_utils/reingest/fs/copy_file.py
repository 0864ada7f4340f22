"""Copy one file so that it is proven: read once, on disk, and read back from there.

``copy_file_range`` would save a pass through memory, but the digest of the source needs that pass.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import Refusal
from .durable import make_link, unlink
from .no_follow import folder, named, open_file, read_link, status_of

_FICLONE = 0x40049409  # linux/fs.h: let a file share the blocks of another one
_NOT_CLONED = (errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS)
_NO_HOLES = (errno.EINVAL, errno.EOPNOTSUPP)
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Stamp:
    """By what a source file is known again; the change time cannot be set by any program."""

    inode: int
    size: int
    changed: int  # nanoseconds

    @staticmethod
    def of(found: os.stat_result) -> Stamp:
        """Return the stamp of a file."""
        return Stamp(found.st_ino, found.st_size, found.st_ctime_ns)


@dataclass(frozen=True)
class Copied:
    """A file that is copied and on disk."""

    stamp: Stamp
    digest: str  # of the content; empty: the copy shares the source's blocks, there is nothing to compare


def clone_file(source: Path, target: Path) -> Copied | None:
    """Copy a file with its marks by sharing its blocks; None where the file system does not do that.

    The target is a new file, on disk when this returns.

    Raises:
        Refusal: the source cannot be read.
        OSError: the target cannot be written.
    """
    with _Handle(_open_source(source)) as read, _Handle(_new_file(target)) as write:
        stamp = Stamp.of(os.fstat(read))
        try:
            fcntl.ioctl(write, _FICLONE, read)
        except OSError as error:
            if error.errno not in _NOT_CLONED:
                raise
            unlink(target)
            return None
        keep_marks(read, write)
        os.fsync(write)
        return Copied(stamp, "")


def stream_file(source: Path, target: Path) -> Copied:
    """Copy a file with its marks, block by block and holes as holes, and read the copy back from disk.

    Raises:
        Refusal: the source cannot be read or changes meanwhile, or what is read back is not what was written.
        OSError: the target cannot be written.
    """
    with _Handle(_open_source(source)) as read, _Handle(_new_file(target)) as write:
        found = os.fstat(read)
        digest = hashlib.sha256()
        for block, offset in _content(read, found, source):
            digest.update(block)
            if offset is not None:
                _write_all(write, block, offset)
        os.ftruncate(write, found.st_size)  # a hole at the end
        if Stamp.of(os.fstat(read)) != Stamp.of(found):
            raise Refusal(f"{source} changed while it was copied: stop what works there, then run again")
        keep_marks(read, write)
        os.fsync(write)
        # Production needs the page cache more than a file that goes does.
        os.posix_fadvise(read, 0, 0, os.POSIX_FADV_DONTNEED)
    copied = Copied(Stamp.of(found), digest.hexdigest())
    if digest_of(target) != copied.digest:
        raise Refusal(
            f"{target} reads differently from what was written to it: look into the disk and the kernel's "
            "log; nothing was promoted"
        )
    return copied


def digest_of(path: Path) -> str:
    """Return the digest of what is on disk, not of what is in memory, as far as the kernel lets one choose.

    Raises:
        Refusal: the file cannot be read.
    """
    with _Handle(_open_source(path)) as read:
        os.posix_fadvise(read, 0, 0, os.POSIX_FADV_DONTNEED)  # clean pages go: the file was synced
        digest = hashlib.sha256()
        for block, _ in _content(read, os.fstat(read), path):
            digest.update(block)
    return digest.hexdigest()


def keep_marks(source: int, target: int) -> None:
    """Give a file or a folder the owner, the mode, the extended attributes and the times of another.

    Both are open: what is read and whose rights it gets is the same file, whatever is exchanged meanwhile.
    """
    found, own = os.fstat(source), os.fstat(target)
    if (own.st_uid, own.st_gid) != (found.st_uid, found.st_gid):
        os.fchown(target, found.st_uid, found.st_gid)
    kept = 0o7777 if stat.S_ISDIR(found.st_mode) else 0o777  # no file of a server runs as another account
    os.fchmod(target, found.st_mode & kept)  # after the owner, which takes bits away
    for name in _attributes(source):
        _keep_attribute(source, target, name)
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))


def keep_folder_marks(source: Path, target: Path) -> None:
    """Do so for a folder."""
    with folder(source, read=True) as read, folder(target, read=True) as write:
        keep_marks(read, write)


def copy_link(source: Path, target: Path) -> None:
    """Make a link like another one, in the place of what was there."""
    found = status_of(source)
    if found is None:
        raise Refusal(f"{source} went away while it was copied: stop what works there, then run again")
    unlink(target)
    make_link(target, read_link(source))
    with named(target), folder(target.parent) as parent:
        os.chown(target.name, found.st_uid, found.st_gid, dir_fd=parent, follow_symlinks=False)
        times = (found.st_atime_ns, found.st_mtime_ns)
        os.utime(target.name, ns=times, dir_fd=parent, follow_symlinks=False)


def _keep_attribute(source: int, target: int, name: str) -> None:
    try:
        os.setxattr(target, name, os.getxattr(source, name))
    except OSError as error:
        # The other file system has none of that kind, or this account may not set it: a server needs none.
        if error.errno not in (errno.ENOTSUP, errno.EPERM, errno.ENODATA):
            raise


def _attributes(handle: int) -> list[str]:
    try:
        return os.listxattr(handle)
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        return []


def _content(read: int, found: os.stat_result, path: Path) -> Iterator[tuple[memoryview, int | None]]:
    """Yield the whole content in order; a block of a hole comes without an offset."""
    buffer = memoryview(bytearray(_BLOCK))
    zeros = memoryview(bytes(_BLOCK))
    for begin, end, data in _extents(read, found):
        at = begin
        while at < end:
            length = min(_BLOCK, end - at)
            if not data:
                yield zeros[:length], None
                at += length
                continue
            try:
                got = os.preadv(read, [buffer[:length]], at)
            except OSError as error:
                raise Refusal(_unreadable(path, error)) from error
            if got == 0:
                raise Refusal(
                    f"{path} became shorter while it was read: stop what works there, then run again"
                )
            yield buffer[:got], at
            at += got


def _extents(read: int, found: os.stat_result) -> Iterator[tuple[int, int, bool]]:
    """Yield the parts of a file, each from, to and whether it is data; a file without holes is one part."""
    size = found.st_size
    if found.st_blocks * 512 >= size:
        yield 0, size, True
        return
    at = 0
    while at < size:
        try:
            begin = os.lseek(read, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno in _NO_HOLES:
                yield at, size, True
            elif error.errno == errno.ENXIO:  # a hole to the end
                yield at, size, False
            else:
                raise
            return
        if begin > at:
            yield at, begin, False
        at = os.lseek(read, begin, os.SEEK_HOLE)
        yield begin, at, True


def _write_all(write: int, block: memoryview, offset: int) -> None:
    while block:
        done = os.pwrite(write, block, offset)
        block, offset = block[done:], offset + done


def _open_source(path: Path) -> int:
    try:
        handle = open_file(path, os.O_RDONLY)
    except OSError as error:
        raise Refusal(_unreadable(path, error)) from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Refusal(f"{path} is no regular file any more: stop what works there, then run again")
    return handle


def _new_file(path: Path) -> int:
    unlink(path)  # left half written by a run that died here
    return open_file(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)


def _unreadable(path: Path, error: OSError) -> str:
    return f"{path} cannot be read ({error.strerror}): look into the disk and the kernel's log, or load again"


class _Handle:
    """A file descriptor that is closed at the end of its block."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def __enter__(self) -> int:
        return self._handle

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)
