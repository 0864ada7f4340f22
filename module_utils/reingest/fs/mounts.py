"""Which file system a path lies on, and whether other machines may have it mounted, too."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_OCTAL = re.compile(r"\\([0-7]{3})")  # so the kernel writes a space, tab, line end or backslash
# File systems that several machines may have mounted at once: processes of the others are seen nowhere here.
# fmt: off
_NETWORK = frozenset({
    "9p", "acfs", "afs", "beegfs", "ceph", "cifs", "coda", "cvfs", "fakeowner", "fhgfs", "gfs", "gfs2",
    "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "panfs", "prl_fs", "pvfs2",
    "smb2", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs", "wekafs",
})
# What a FUSE file system shows is its program's affair, mostly something on another machine; these are not.
_LOCAL_FUSE = frozenset({
    "fuse.bindfs", "fuse.encfs", "fuse.ext2", "fuse.ext4", "fuse.fuse-ext2", "fuse.fuse-overlayfs",
    "fuse.gocryptfs", "fuse.lxcfs", "fuse.mergerfs", "fuse.ntfs", "fuse.ntfs-3g", "fuse.portal",
    "fuse.securefs", "fuse.unionfs", "fuse.zfs",
})
# fmt: on


@dataclass(frozen=True)
class FileSystem:
    """A mounted file system."""

    kind: str  # as the kernel names it: ext4, nfs4, fuse.sshfs
    source: str  # a device, or server:/export
    point: Path  # where it is mounted
    device: str  # its number, the same for all mounts of it
    root: PurePosixPath  # the part of it that is mounted there
    settings: str  # of the file system itself, not of the mount: rw,vers=4.2

    @property
    def options(self) -> list[str]:
        """Return the settings one by one."""
        return self.settings.split(",")

    @property
    def network(self) -> bool:
        """Whether other machines (for a virtual one: its host) may have it mounted, too."""
        if self.kind.partition(".")[0] == "fuse":  # not fuseblk, which lies on a block device
            return self.kind not in _LOCAL_FUSE
        return self.kind in _NETWORK


@dataclass(frozen=True)
class Position:
    """A directory by its file system and its path in there: the same through every mount of it."""

    device: str
    path: PurePosixPath


@dataclass(frozen=True)
class Mounts:
    """The mounts that this process sees, by number."""

    table: Mapping[int, FileSystem]

    def of(self, path: Path) -> FileSystem:
        """Return the file system that a path, or what is there of it, lies on.

        The kernel itself is asked which mount it is: names do not tell where mounts cover each other.
        """
        number = next(found for there in (path, *path.parents) if (found := _mount_id(there)) is not None)
        return self.table.get(number) or mounts().table[number]  # an automount is new

    def position(self, path: Path) -> Position:
        """Return the position of a path, links followed; it need not be there."""
        real = path.resolve()
        found = self.of(real)
        return Position(found.device, found.root / real.relative_to(found.point))

    def above(self, path: Path) -> frozenset[str]:
        """Return the real paths from which a directory is reached by any mount, itself included."""
        wanted = self.position(path)
        found: set[str] = set()
        for one in self.table.values():
            if one.device == wanted.device and one.root in (wanted.path, *wanted.path.parents):
                there = one.point / wanted.path.relative_to(one.root)
                found.update(map(str, (there, *there.parents)))
        return frozenset(found)


def mounts() -> Mounts:
    """Return the mounts as they are now."""
    text = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    return Mounts(read_mounts(text))


def file_system(path: Path) -> FileSystem:
    """Return the file system that a path, or what is there of it, lies on."""
    return mounts().of(path)


def read_mounts(text: str) -> dict[int, FileSystem]:
    """Return the file systems that ``/proc/<pid>/mountinfo`` lists, by the number of the mount."""
    found = {}
    for line in text.splitlines():
        fields = [_OCTAL.sub(_character, one) if "\\" in one else one for one in line.split(" ")]
        kind, source, options = fields[fields.index("-", 6) + 1 :][:3]  # optional fields end with a dash
        found[int(fields[0])] = FileSystem(
            kind, source, Path(fields[4]), fields[2], PurePosixPath(fields[3]), options
        )
    return found


def _mount_id(path: Path) -> int | None:
    # Nothing is opened, so no right to read is needed; O_DIRECTORY lets an automount happen.
    flags = os.O_PATH | os.O_CLOEXEC | (os.O_DIRECTORY if path.is_dir() else 0)
    try:
        descriptor = os.open(path, flags)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    try:
        told = Path(f"/proc/self/fdinfo/{descriptor}").read_text(encoding="ascii")
    finally:
        os.close(descriptor)
    return next(int(line.split()[1]) for line in told.splitlines() if line.startswith("mnt_id:"))


def _character(digits: re.Match[str]) -> str:
    return chr(int(digits[1], 8))
