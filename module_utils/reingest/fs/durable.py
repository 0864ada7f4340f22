"""File-system steps that survive a power cut: written, synced, renamed, and the directory synced.

No step follows a link (see ``no_follow``). What is new is made with no rights for others, gets its owner and
its mode by its descriptor, and only then its content and its name.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .no_follow import (
    UnsafePathError,
    check_file,
    folder,
    is_folder,
    is_own,
    named,
    open_file,
    status_of,
)
from .rename import rename

_BLOCK = 4096
PRIVATE = 0o600
PRIVATE_FOLDER = 0o700
_THROUGH = 0o711  # others may pass to what is theirs, and see no names


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    with named(path), folder(path, read=True) as handle:
        os.fsync(handle)


def staged_name(path: Path) -> Path:
    """Return under which name something is made ready, before one rename puts it into its place."""
    return path.with_name(f".{path.name}.new")


def clear_staged(path: Path) -> None:
    """Take away a file or a link that a run left which died while it made it ready."""
    with named(path), folder(path.parent, read=True) as parent:
        _clear(parent, _free_name(parent, path))


def make_directory(path: Path, *, like: Path) -> None:
    """Make a directory with the owner and the mode of another one, durably; an existing one is left alone.

    Raises:
        UnsafePathError: another account exchanged it while it was made.
    """
    if is_folder(path):
        return
    with folder(like) as model:
        wanted = os.fstat(model)
    with named(path), folder(path.parent, read=True) as parent:
        staged = _free_name(parent, path)
        if _is_folder_in(parent, staged):
            os.rmdir(staged, dir_fd=parent)  # left by a run that died here; it is empty or this fails
        os.mkdir(staged, PRIVATE_FOLDER, dir_fd=parent)
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        made = os.open(staged, flags, dir_fd=parent)
        try:
            _check_made(path, made)
            _give(made, wanted)
            os.fsync(made)
        finally:
            os.close(made)
        rename(path.with_name(staged), path)
        os.fsync(parent)


def make_own_directory(path: Path, *, through: bool = False) -> None:
    """Make a directory of this account, durably; an existing one is left alone.

    Args:
        path: the directory.
        through: whether others may pass through it to what is theirs; else nobody else gets in.

    Raises:
        UnsafePathError: the file system gives it to another account (root_squash), or what is there is not
            this account's own.
    """
    with named(path), folder(path.parent, read=True) as parent:
        if not _is_folder_in(parent, path.name):
            os.mkdir(path.name, PRIVATE_FOLDER, dir_fd=parent)
            with folder(path, read=True) as made:
                if through:
                    os.fchmod(made, _THROUGH)
                os.fsync(made)
            os.fsync(parent)
    with folder(path) as made:
        _check_own_directory(path, os.fstat(made))


def _check_own_directory(path: Path, status: os.stat_result) -> None:
    """Refuse a directory that another account owns or may write.

    Raises:
        UnsafePathError: that is so.
    """
    if not is_own(status):
        raise UnsafePathError(
            path,
            f"it belongs to account {status.st_uid} and has mode {stat.S_IMODE(status.st_mode):04o}, and "
            f"only account {os.geteuid()}, which runs the modules, may write it. Where an NFS server takes "
            "root's rights away (root_squash), run as the servers' account, see SECURITY.md",
        )


def make_folder(path: Path) -> None:
    """Make a directory for this account alone, not yet on disk; an existing one is left alone."""
    with named(path), folder(path.parent) as parent:
        if not _is_folder_in(parent, path.name):
            os.mkdir(path.name, PRIVATE_FOLDER, dir_fd=parent)


def remove_empty(path: Path) -> bool:
    """Take away an empty directory; return whether it was there.

    Raises:
        OSError: it is not empty, or no directory.
    """
    try:
        with named(path), folder(path.parent) as parent:
            os.rmdir(path.name, dir_fd=parent)
    except FileNotFoundError:
        return False
    return True


def unlink(path: Path) -> bool:
    """Take away a file or a link; return whether it was there."""
    try:
        with named(path), folder(path.parent) as parent:
            os.unlink(path.name, dir_fd=parent)
    except FileNotFoundError:
        return False
    return True


def make_link(link: Path, target: str) -> None:
    """Make a link where nothing lies."""
    with named(link), folder(link.parent) as parent:
        os.symlink(target, link.name, dir_fd=parent)


def replace_link(link: Path, target: str) -> None:
    """Point a link somewhere else by one rename: it is never absent and never half."""
    with named(link), folder(link.parent, read=True) as parent:
        staged = _free_name(parent, link)
        _clear(parent, staged)
        os.symlink(target, staged, dir_fd=parent)
        rename(link.with_name(staged), link)
        os.fsync(parent)


def write_json(path: Path, value: Mapping[str, Any], *, mode: int = PRIVATE) -> None:
    """Replace a small file as a whole by a JSON document."""
    replace_file(path, (json.dumps(value, indent=1, sort_keys=True) + "\n").encode(), mode=mode)


def replace_file(path: Path, content: bytes, *, mode: int = PRIVATE, like: Path | None = None) -> None:
    """Replace a small file as a whole.

    Args:
        path: the file.
        content: what it then holds.
        mode: its permissions.
        like: a file whose owner and mode it gets instead.
    """
    wanted = status_of(like) if like is not None else None
    with named(path), folder(path.parent, read=True) as parent:
        staged = _free_name(parent, path)
        _clear(parent, staged)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(staged, "wb", opener=lambda name, _: os.open(name, flags, PRIVATE, dir_fd=parent)) as out:
            if wanted is not None:
                _give(out.fileno(), wanted)
            elif mode != PRIVATE:
                os.fchmod(out.fileno(), mode)
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        rename(path.with_name(staged), path)
        os.fsync(parent)


def append_line(path: Path, line: str) -> None:
    """Append one line to a file of this account, durably; first what a crash cut short is taken away.

    A line without its end was never told to anybody: its writer died before the sync.

    Raises:
        UnsafePathError: the file is another account's, or no regular file.
    """
    new = status_of(path) is None
    handle = open_file(path, os.O_RDWR | os.O_CREAT, PRIVATE)
    try:
        with named(path):
            check_file(path, os.fstat(handle), own=True)
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


def _free_name(parent: int, path: Path) -> str:
    """Return under which name something is made ready in an open directory.

    In a directory of another account the name cannot be foreseen; what died there is cleared away.
    """
    staged = staged_name(path).name
    if is_own(os.fstat(parent)):
        return staged
    for left in os.listdir(parent):
        if left.startswith(f"{staged}-") and not _is_folder_in(parent, left):
            os.unlink(left, dir_fd=parent)
    return f"{staged}-{secrets.token_hex(8)}"


def _is_folder_in(parent: int, name: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def _clear(parent: int, name: str) -> None:
    """Take away what a run left that died while it made something ready."""
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=parent)


def _check_made(path: Path, made: int) -> None:
    """Refuse a directory that is not the one that was just made: its rights are about to be given away."""
    status = os.fstat(made)
    if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o777 != PRIVATE_FOLDER:
        raise UnsafePathError(path, "another account exchanged it while it was made: look into who did")
    if os.listdir(made):
        raise UnsafePathError(path, "something was put into it while it was made: look into who did")


def _give(handle: int, wanted: os.stat_result) -> None:
    """Give something that was just made the owner and the mode of something else."""
    if (wanted.st_uid, wanted.st_gid) != (os.geteuid(), os.getegid()):
        os.fchown(handle, wanted.st_uid, wanted.st_gid)
    os.fchmod(handle, stat.S_IMODE(wanted.st_mode))
