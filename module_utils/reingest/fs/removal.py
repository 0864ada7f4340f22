"""Delete a directory and all below it, and nothing else, whatever lies in it.

Every step goes by an open directory and a bare name, so nothing that is exchanged meanwhile can lead out of
the tree: a link is unlinked and never followed, and a directory of another mount is named and not entered.
What cannot be deleted is named, and the rest is deleted. A deletion that is killed leaves less than it found,
and the next one resumes there.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from .no_follow import folder

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_BATCH = 4096  # names at a time, in the order of their inodes, as they lie on the disk
_DEPTH = 64  # what lies deeper is lifted to the top first: each level costs an open directory
_TOLD = 20  # a tree that is immutable as a whole has as many faults as files


@dataclass
class Removal:
    """What became of a deletion."""

    deleted: int = 0  # names, directories included
    left: int = 0  # names that could not be deleted
    faults: list[str] = field(default_factory=list)  # of the first of these: which, why, and what helps

    def fault(self, text: str) -> None:
        """Take down what stays."""
        self.left += 1
        if len(self.faults) < _TOLD:
            self.faults.append(text)

    def add(self, other: Removal) -> None:
        """Take in what became of another deletion."""
        self.deleted += other.deleted
        self.left += other.left
        self.faults += other.faults[: max(0, _TOLD - len(self.faults))]


def remove_tree(path: Path) -> Removal:
    """Delete what lies at the path; that nothing does is no fault.

    Raises:
        OSError: the file system is read-only.
    """
    removal = Removal()
    try:
        with folder(path.parent) as parent:
            _Tree(removal, _identity(parent)).remove(parent, path.name, path)
    except FileNotFoundError:
        pass
    return removal


class _Tree:
    """One deletion under way."""

    def __init__(self, removal: Removal, mount: tuple[int, str]) -> None:
        self._removal = removal
        self._mount = mount
        self._top = -1
        self._lifted = 0

    def remove(self, parent: int, name: str, path: Path, depth: int = 0) -> bool:
        """Delete a name in an open directory, with all below it; return whether it stays."""
        try:
            with _opened(parent, name) as handle:
                if _identity(handle) != self._mount:
                    self._removal.fault(
                        f"{path} is another file system that is mounted there, it was not entered: unmount it"
                    )
                    return True
                if depth == 0:
                    self._top = handle
                self._empty(handle, path, depth)
            os.rmdir(name, dir_fd=parent)
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno in (errno.ENOTDIR, errno.ELOOP):
                return self._account(_unlink(parent, [name]), path.parent) != []
            if error.errno == errno.EROFS:
                raise
            if error.errno != errno.ENOTEMPTY:  # what stays in it was told already
                self._removal.fault(_fault(path, error))
            return True
        self._removal.deleted += 1
        return False

    def _empty(self, handle: int, path: Path, depth: int) -> None:
        """Delete all names in a directory: again until only those are there that stay."""
        stay: set[str] = set()
        found = True
        while found:
            found = False
            folders: list[str] = []
            with os.scandir(handle) as entries:
                while batch := list(islice(entries, _BATCH)):
                    batch = [entry for entry in batch if entry.name not in stay]
                    found = found or bool(batch)
                    batch.sort(key=os.DirEntry.inode)
                    folders += [entry.name for entry in batch if entry.is_dir(follow_symlinks=False)]
                    files = [entry.name for entry in batch if not entry.is_dir(follow_symlinks=False)]
                    stay.update(self._account(_unlink(handle, files), path))
            for name in folders:
                if self._lift(handle, name) if depth >= _DEPTH else self._folder(handle, name, path, depth):
                    stay.add(name)

    def _folder(self, handle: int, name: str, path: Path, depth: int) -> bool:
        return self.remove(handle, name, path / name, depth + 1)

    def _account(self, done: tuple[int, list[tuple[str, OSError]]], path: Path) -> list[str]:
        """Add up what became of names, and return those that stay."""
        gone, left = done
        self._removal.deleted += gone
        for name, error in left:
            self._removal.fault(_fault(path / name, error))
        return [name for name, _ in left]

    def _lift(self, handle: int, name: str) -> bool:
        """Move a directory from deep below to the top, where the next pass finds it; else it stays."""
        while True:
            self._lifted += 1
            try:
                os.rename(name, f".lifted-{self._lifted}", src_dir_fd=handle, dst_dir_fd=self._top)
            except OSError as error:
                if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                    continue
                self._removal.fault(_fault(Path(name), error))
                return True
            return False


def _unlink(handle: int, names: list[str]) -> tuple[int, list[tuple[str, OSError]]]:
    """Delete names that are no directories; return how many went, and which stay and why."""
    left = []
    gone = 0
    for name in names:
        try:
            os.unlink(name, dir_fd=handle)
            gone += 1
        except OSError as error:  # noqa: PERF203 - one that stays must not keep the others
            if error.errno == errno.EROFS:
                raise
            if error.errno != errno.ENOENT:
                left.append((name, error))
    return gone, left


@contextmanager
def _opened(parent: int, name: str) -> Iterator[int]:
    """Open a directory to empty it, also one whose own bits keep its owner out."""
    try:
        handle = os.open(name, _FOLDER, dir_fd=parent)
    except PermissionError:
        _let_in(parent, name)
        handle = os.open(name, _FOLDER, dir_fd=parent)
    try:
        if os.fstat(handle).st_mode & stat.S_IRWXU != stat.S_IRWXU:
            with suppress(PermissionError):  # the names in it report what it costs
                os.fchmod(handle, stat.S_IRWXU)
        yield handle
    finally:
        os.close(handle)


def _let_in(parent: int, name: str) -> None:
    handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        os.chmod(f"/proc/self/fd/{handle}", 0o700)  # noqa: PTH101 - the directory itself, not its name
    finally:
        os.close(handle)


def _identity(handle: int) -> tuple[int, str]:
    """Return device and mount of an open directory: bind mounts of one device differ in the second only."""
    for line in Path(f"/proc/self/fdinfo/{handle}").read_text(encoding="ascii").splitlines():
        if line.startswith("mnt_id:"):
            return os.fstat(handle).st_dev, line.partition(":")[2].strip()
    return os.fstat(handle).st_dev, ""


def _fault(path: Path, error: OSError) -> str:
    helps = {
        errno.EPERM: "it or its directory may be immutable or append-only (lsattr; chattr -i -a)",
        errno.EACCES: "run as root",
        errno.EBUSY: "something is mounted there: unmount it",
    }.get(error.errno or 0, "look into the disk and the kernel's log")
    return f"{path} cannot be deleted ({error.strerror}): {helps}"
