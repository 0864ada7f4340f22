"""Copy a tree that nobody writes to, so that a copy that is killed is resumed, and proven.

Each file is on disk and read back before its line goes into the list of what is done. A line is believed as
long as the source file is the same (its inode, size and change time) and what lies in the copy has the digest
that the line names.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import Refusal
from .copy_file import Copied, Stamp, clone_file, copy_link, digest_of, keep_folder_marks, stream_file
from .durable import make_folder, remove_empty, sync_directory, unlink
from .no_follow import folder, status_of
from .sizes import shown_bytes

_VERSION = 1


@dataclass(frozen=True)
class Tree:
    """What lies below a folder, by paths relative to it; a folder comes before what is in it."""

    root: Path
    folders: tuple[Path, ...]
    files: Mapping[Path, os.stat_result]
    links: tuple[Path, ...]

    @property
    def disk_bytes(self) -> int:
        """The bytes that its files take on disk."""
        return sum(found.st_blocks * 512 for found in self.files.values())


@dataclass
class CopyFigures:
    """What a copy did, for the report."""

    files: int = 0
    bytes: int = 0
    kept: int = 0  # files that an earlier run had copied, proven again
    cloned: int = 0  # files that share the source's blocks
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, size: int, *, kept: bool, cloned: bool) -> None:
        """Count a file."""
        with self._lock:
            self.files += 1
            self.bytes += size
            self.kept += kept
            self.cloned += cloned

    def shown(self) -> dict[str, int]:
        """Return the figures as plain values."""
        return {"files": self.files, "bytes": self.bytes, "kept": self.kept, "cloned": self.cloned}


def survey_tree(root: Path) -> Tree:
    """Return what lies below a folder; nothing is followed out of it.

    Raises:
        Refusal: a part is on another file system, or is neither a file nor a folder nor a link.
    """
    top = status_of(root)
    if top is None:
        raise Refusal(f"{root} is not there: load into it first")
    folders: list[Path] = []
    files: dict[Path, os.stat_result] = {}
    links: list[Path] = []
    open_folders = [root]
    while open_folders:
        place = open_folders.pop()
        with folder(place, read=True) as handle, os.scandir(handle) as entries:
            for entry in entries:
                found, path = entry.stat(follow_symlinks=False), place / entry.name
                name = path.relative_to(root)
                if stat.S_ISLNK(found.st_mode):
                    links.append(name)
                elif stat.S_ISREG(found.st_mode):
                    files[name] = found
                elif not stat.S_ISDIR(found.st_mode):
                    raise Refusal(f"{path} is neither a file nor a folder: take it away, then run again")
                elif found.st_dev != top.st_dev:
                    raise Refusal(f"{path} is a mount of its own: move its files into {root}")
                else:
                    folders.append(name)
                    open_folders.append(path)
    return Tree(root, tuple(folders), files, tuple(links))


class DoneList:
    """The files that are copied, one JSON line each, appended as they are done."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._done = _read_lines(path)
        self._out = path.open("ab")
        if path.stat().st_size and not path.read_bytes().endswith(b"\n"):
            self._out.write(b"\n")  # a line that a crash cut short is closed, and passed over when read

    def find(self, name: Path) -> Copied | None:
        """Return what is known of a file's copy."""
        return self._done.get(os.fsencode(name))

    def add(self, name: Path, copied: Copied) -> None:
        """Write a line; one that a power cut loses costs that file's copy, no more."""
        stamp = copied.stamp
        value = [_VERSION, os.fsdecode(name), stamp.inode, stamp.size, stamp.changed, copied.digest]
        with self._lock:
            self._out.write(json.dumps(value).encode() + b"\n")
            self._out.flush()

    def close(self) -> None:
        """End the list; it stays where it is."""
        self._out.close()


def copy_tree(tree: Tree, target: Path, done: DoneList, *, at_once: int, clone: bool = True) -> CopyFigures:
    """Copy a tree with owners, modes, times and links; all of it is on disk when this returns.

    Args:
        tree: the source; nobody writes to it.
        target: a folder, which may hold what an earlier run had copied; what the source does not have goes.
        done: the files that an earlier run had copied.
        at_once: how many files are copied at the same time.
        clone: whether to share the source's blocks where the file system can.

    Raises:
        Refusal: a file cannot be read or written, changes meanwhile, or is read back differently.
    """
    make_folder(target)
    _remove_others(tree, target)
    for name in tree.folders:
        make_folder(target / name)
    for name in tree.links:
        copy_link(tree.root / name, target / name)
    figures = CopyFigures()
    copier = _Copier(tree, target, done, figures, clone=clone)
    largest_first = sorted(tree.files, key=lambda name: -tree.files[name].st_size)
    with ThreadPoolExecutor(at_once) as pool:
        try:
            for _ in pool.map(copier.copy, largest_first):
                pass
            for name in reversed((Path(), *tree.folders)):  # after what is in them: that sets their times
                keep_folder_marks(tree.root / name, target / name)
            for _ in pool.map(sync_directory, [target / name for name in (Path(), *tree.folders)]):
                pass
        except OSError as error:
            pool.shutdown(cancel_futures=True)
            raise Refusal(_unwritable(target, error)) from error
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    sync_directory(target.parent)
    return figures


class _Copier:
    def __init__(
        self, tree: Tree, target: Path, done: DoneList, figures: CopyFigures, *, clone: bool
    ) -> None:
        self._tree = tree
        self._target = target
        self._done = done
        self._figures = figures
        self._clone = clone

    def copy(self, name: Path) -> None:
        source, target = self._tree.root / name, self._target / name
        kept = self._kept(name, source, target)
        copied = None
        if not kept:
            copied = clone_file(source, target) if self._clone else None
            if copied is None:
                self._clone = False  # none of the others will be either
                copied = stream_file(source, target)
        if copied is not None and copied.digest:  # one that was cloned is cloned again, that costs nothing
            self._done.add(name, copied)
        cloned = copied is not None and not copied.digest
        self._figures.add(self._tree.files[name].st_size, kept=kept, cloned=cloned)

    def _kept(self, name: Path, source: Path, target: Path) -> bool:
        """Return whether an earlier run has copied the file, by what lies on disk."""
        known = self._done.find(name)
        if known is None or known.stamp != _stamp(source):
            return False
        found = status_of(target)
        if found is None or not stat.S_ISREG(found.st_mode) or found.st_size != known.stamp.size:
            return False
        return digest_of(target) == known.digest


def _remove_others(tree: Tree, target: Path) -> None:
    """Take away what an earlier run copied and the source no longer has, or has as something else."""
    there = survey_tree(target)
    folders, links = set(tree.folders), set(tree.links)
    for name in (*there.files, *there.links):
        if (name not in tree.files and name not in links) or (name in tree.files) != (name in there.files):
            unlink(target / name)
    for name in reversed(there.folders):
        if name not in folders:
            remove_empty(target / name)


def _stamp(path: Path) -> Stamp | None:
    status = status_of(path)
    return None if status is None else Stamp.of(status)


def _read_lines(path: Path) -> dict[bytes, Copied]:
    found: dict[bytes, Copied] = {}
    if not path.exists():
        return found
    for line in path.read_bytes().splitlines():
        try:
            version, name, inode, size, changed, digest = json.loads(line)
            name = os.fsencode(name)
        except (ValueError, TypeError, RecursionError):
            continue  # torn, or not ours: that file is copied again
        if version == _VERSION:
            found[name] = Copied(Stamp(inode, size, changed), digest)
    return found


def _unwritable(target: Path, error: OSError) -> str:
    where = error.filename or target
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        free = os.statvfs(target)
        return (
            f"{where} cannot be written, {shown_bytes(free.f_bavail * free.f_frsize)} are free there: make "
            "room (prune.yml), then run again; the copy is resumed"
        )
    return f"{where} cannot be written ({error.strerror}): look into the disk and the kernel's log"
