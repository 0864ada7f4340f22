"""What a directory takes on the disk: blocks that are allocated, not the lengths of files.

A file with several names counts once, holes count nothing. Blocks that several files share (reflinks) cannot
be seen from here and count in each.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .no_follow import folder, status_of

_BLOCK = 512  # of st_blocks, whatever the file system's own are
_RELATION = re.compile(r"(base/\d+/\d+)(?:_\w+)?(?:\.\d+)?")  # a table or an index: its segments and forks


@dataclass(frozen=True)
class TreeSize:
    """What a directory takes."""

    bytes: int
    freed: int  # by deleting it: less where a file has names elsewhere, too
    largest: int  # of its tables and indexes, all segments of one taken together


def measure(path: Path) -> TreeSize:
    """Add up a directory; what goes meanwhile, and what other file systems have there, is passed over.

    Raises:
        PermissionError: this account may not look into it.
    """
    status = status_of(path)
    if status is None or not stat.S_ISDIR(status.st_mode):
        return TreeSize(0, 0, 0)
    return add_up(_walk(path, "", status.st_dev))


def add_up(found: Iterable[tuple[str, os.stat_result]]) -> TreeSize:
    """Return the size of files and directories, each with its path inside the data directory."""
    total = 0
    relations: Counter[str] = Counter()
    linked: dict[int, tuple[int, int]] = {}  # bytes, and names elsewhere, of files with several names
    for name, status in found:
        size = status.st_blocks * _BLOCK
        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
            _, elsewhere = linked.get(status.st_ino, (0, status.st_nlink))
            linked[status.st_ino] = (size, elsewhere - 1)
            continue
        total += size
        relation = _RELATION.fullmatch(name)
        if relation is not None:
            relations[relation[1]] += size
    total += sum(size for size, _ in linked.values())
    held = sum(size for size, elsewhere in linked.values() if elsewhere > 0)
    return TreeSize(total, total - held, max(relations.values(), default=0))


def _walk(path: Path, inside: str, device: int) -> Iterable[tuple[str, os.stat_result]]:
    try:
        with folder(path, read=True) as handle, os.scandir(handle) as entries:
            for entry in entries:
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if status.st_dev != device:
                    continue
                yield inside + entry.name, status
                if stat.S_ISDIR(status.st_mode):
                    yield from _walk(path / entry.name, f"{inside}{entry.name}/", device)
    except FileNotFoundError:
        return


def shown_bytes(count: int) -> str:
    """Return a number of bytes as a person reads it, in powers of 1024."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def free_bytes(path: Path) -> int:
    """Return the bytes that are free on the volume."""
    return shutil.disk_usage(path).free


def total_bytes(path: Path) -> int:
    """Return the size of the volume."""
    return shutil.disk_usage(path).total
