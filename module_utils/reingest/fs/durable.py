"""File-system steps that survive a power cut: written, synced, renamed, and the directory synced."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .rename import rename

_BLOCK = 4096
_READABLE = 0o666  # as the umask leaves it
PRIVATE = 0o600


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with _named(path):
            os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Give an error its path: of an open file the kernel tells none."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or os.fspath(path)
        raise


def staged_name(path: Path) -> Path:
    """Return under which name something is made ready, before one rename puts it into its place."""
    return path.with_name(f".{path.name}.new")


def make_directory(path: Path, *, like: Path) -> None:
    """Make a directory with the owner and the mode of another one, durably; an existing one is left alone."""
    if path.is_dir() and not path.is_symlink():
        return
    model = like.stat()
    staged = staged_name(path)
    if staged.is_dir():
        staged.rmdir()  # left by a run that died here; it is empty or this fails
    staged.mkdir(mode=0o700)
    if (model.st_uid, model.st_gid) != (os.geteuid(), os.getegid()):
        os.chown(staged, model.st_uid, model.st_gid)
    staged.chmod(stat.S_IMODE(model.st_mode))
    sync_directory(staged)
    rename(staged, path)
    sync_directory(path.parent)


def replace_link(link: Path, target: str) -> None:
    """Point a link somewhere else by one rename: it is never absent and never half."""
    staged = staged_name(link)
    staged.unlink(missing_ok=True)
    staged.symlink_to(target)
    rename(staged, link)
    sync_directory(link.parent)


def write_json(path: Path, value: Mapping[str, Any], *, mode: int = _READABLE) -> None:
    """Replace a small file as a whole by a JSON document."""
    replace_file(path, (json.dumps(value, indent=1, sort_keys=True) + "\n").encode(), mode=mode)


def replace_file(path: Path, content: bytes, *, mode: int = _READABLE, like: Path | None = None) -> None:
    """Replace a small file as a whole.

    Args:
        path: the file.
        content: what it then holds.
        mode: its permissions, less the umask.
        like: a file whose owner and mode it gets instead.
    """
    staged = staged_name(path)
    staged.unlink(missing_ok=True)
    with _named(path), open(staged, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as out:
        if like is not None:
            model = like.stat()
            if (model.st_uid, model.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(out.fileno(), model.st_uid, model.st_gid)
            os.fchmod(out.fileno(), stat.S_IMODE(model.st_mode))
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    rename(staged, path)
    sync_directory(path.parent)


def append_line(path: Path, line: str) -> None:
    """Append one line to a file, durably; what a crash cut short before it is taken away first.

    A line without its end was never told to anybody: its writer died before the sync.
    """
    new = not path.exists()
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    try:
        with _named(path):
            end = _last_line_end(handle)
            if end < os.fstat(handle).st_size:
                os.ftruncate(handle, end)
            os.lseek(handle, end, os.SEEK_SET)
            with open(handle, "wb", closefd=False) as out:
                out.write(line.encode() + b"\n")
            os.fsync(handle)
    finally:
        os.close(handle)
    if new:
        sync_directory(path.parent)


def _last_line_end(handle: int) -> int:
    """Return where the last whole line of a file ends."""
    at = os.fstat(handle).st_size
    while at > 0:
        begin = max(0, at - _BLOCK)
        found = os.pread(handle, at - begin, begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        at = begin
    return 0
