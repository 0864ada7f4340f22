"""File-system steps that survive a power cut: written, synced, renamed, and the directory synced."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_directory(path: Path, *, like: Path) -> None:
    """Make a directory with the owner and the mode of another one, durably; an existing one is left alone."""
    if path.is_dir() and not path.is_symlink():
        return
    model = like.stat()
    staged = path.with_name(f".{path.name}.new")
    if staged.is_dir():
        staged.rmdir()  # left by a run that died here; it is empty or this fails
    staged.mkdir(mode=0o700)
    if (model.st_uid, model.st_gid) != (os.geteuid(), os.getegid()):
        os.chown(staged, model.st_uid, model.st_gid)
    staged.chmod(stat.S_IMODE(model.st_mode))
    sync_directory(staged)
    staged.rename(path)
    sync_directory(path.parent)


def replace_link(link: Path, target: str) -> None:
    """Point a link somewhere else by one rename: it is never absent and never half."""
    staged = link.with_name(f".{link.name}.new")
    staged.unlink(missing_ok=True)
    staged.symlink_to(target)
    staged.replace(link)
    sync_directory(link.parent)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Replace a small file as a whole."""
    replace_file(path, (json.dumps(value, indent=1, sort_keys=True) + "\n").encode())


def replace_file(path: Path, content: bytes, *, like: Path | None = None) -> None:
    """Replace a small file as a whole, where given with the owner and the mode of another one."""
    staged = path.with_name(f".{path.name}.new")
    staged.unlink(missing_ok=True)
    with staged.open("wb") as out:
        if like is not None:
            model = like.stat()
            if (model.st_uid, model.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(out.fileno(), model.st_uid, model.st_gid)
            os.fchmod(out.fileno(), stat.S_IMODE(model.st_mode))
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    staged.replace(path)
    sync_directory(path.parent)


def append_line(path: Path, line: str) -> None:
    """Append one line to a file, durably; a line that a crash cut short is closed first."""
    new = not path.exists()
    with path.open("ab+") as out:
        if out.tell() > 0:
            out.seek(-1, os.SEEK_END)
            torn = out.read(1) != b"\n"
        else:
            torn = False
        out.write((b"\n" if torn else b"") + line.encode() + b"\n")
        out.flush()
        os.fsync(out.fileno())
    if new:
        sync_directory(path.parent)
