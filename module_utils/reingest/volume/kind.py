"""What kind of file system the volume lies on, and which of the guarantees go with it.

On a local disk with a journal nothing goes. Everywhere else the run says what does, and goes on only where
the inventory names the kind: what was accepted for one file system is not for another one mounted later.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import Refusal
from ..fs.durable import make_own_directory, remove_empty, sync_directory
from ..fs.mounts import FileSystem, file_system
from ..fs.no_follow import status_of
from ..fs.rename import exchange
from .layout import Volume

_LOCAL = frozenset({"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "reiserfs", "xfs", "zfs"})
_MEMORY = frozenset({"ramfs", "tmpfs"})
_LAYERS = frozenset({"aufs", "overlay"})
_NFS = frozenset({"nfs", "nfs4"})

_EXCHANGE = (
    "two directories cannot be exchanged by one step, so ingest/ is missing for a moment of each promotion"
)
_EXCLUSIVE = (
    "processes of other machines in a directory cannot be seen, so that no other server works there is your "
    "word (reingest_exclusive)"
)
_LOCKS = (
    "the lock of the volume holds only where the server keeps locks for all its clients (NFSv4 does; NFSv3 "
    "needs its lock service, and a mount without nolock or local_lock)"
)
_REPEATED = (
    "a rename that the client sends again after a lost answer fails although it was done; reingest looks at "
    "what is there"
)
_SERVER_SYNC = "what was synced is safe only where the server's export is sync and its disks keep their word"
_GONE_WITH_POWER = "nothing survives a restart of the machine"
_GONE_WITH_CONTAINER = "the volume goes with the container whose layer it is"
_ACROSS_LAYERS = "a directory of a lower layer cannot be renamed"
_UNKNOWN = "whether what was synced and renamed survives a power cut is not known of this file system"
_FUSE = "a program serves it: what was synced is safe only where that program passes it on, and lives"


@dataclass(frozen=True)
class Kind:
    """The file system of the volume, and what cannot be promised on it."""

    name: str
    source: str
    lost: tuple[str, ...]

    def shown(self) -> str:
        """Return the kind and where it comes from, as a person reads it."""
        return f"{self.name} ({self.source})"


def kind_of(volume: Volume, *, exchanges: bool | None = None) -> Kind:
    """Return the kind of the volume.

    Args:
        volume: the volume.
        exchanges: whether two directories can be exchanged there, where that was tried; None: by the kind.
    """
    found = file_system(volume.root)
    return Kind(found.kind, found.source, tuple(what_goes(found, exchanges=exchanges)))


def what_goes(found: FileSystem, *, exchanges: bool | None = None) -> list[str]:
    """Return what cannot be promised on a file system, one phrase each.

    Args:
        found: the file system.
        exchanges: whether two directories can be exchanged there, where that was tried; None: by the kind.
    """
    can = exchanges if exchanges is not None else found.kind in _LOCAL | _MEMORY | _LAYERS
    lost = [] if can else [_EXCHANGE]
    if found.kind in _NFS:
        lost += [_EXCLUSIVE, _REPEATED, *_nfs_locks(found), _SERVER_SYNC]
    elif found.network:
        lost += [_EXCLUSIVE, _LOCKS, _SERVER_SYNC]
    elif found.kind in _MEMORY:
        lost.append(_GONE_WITH_POWER)
    elif found.kind in _LAYERS:
        lost += [_GONE_WITH_CONTAINER, _ACROSS_LAYERS]
    elif found.kind.startswith("fuse"):
        lost.append(_FUSE)
    elif found.kind not in _LOCAL:
        lost.append(_UNKNOWN)
    return lost


def refuse_kind(volume: Volume, kind: Kind, accepted: str) -> None:
    """Refuse a volume that cannot keep all promises, unless its kind was accepted by name.

    Raises:
        Refusal: with what cannot be promised, and the line that accepts it.
    """
    if not kind.lost or accepted == kind.name:
        return
    other = f" (it accepts {accepted}, which is another kind)" if accepted else ""
    raise Refusal(
        f"{volume.root} lies on {kind.shown()}, where some guarantees go: {'; '.join(kind.lost)}. Use a disk "
        f"of the machine, or accept this by name in the inventory{other}: "
        f"reingest_network_volume: {kind.name}"
    )


def probe_exchange(volume: Volume) -> bool:
    """Try whether two directories can be exchanged: a kernel, a mount or a FUSE program may not do it.

    Raises:
        Refusal: the probe answered that it did and did not, so no answer of this file system can be trusted.
    """
    make_own_directory(volume.records)
    one, other = volume.records / ".probe-one", volume.records / ".probe-other"
    for path in (one, other):
        remove_empty(path)  # left by a run that died here
        make_own_directory(path)
    before = status_of(one)
    try:
        can = exchange(one, other)
        after = status_of(other)
        moved = before is not None and after is not None and after.st_ino == before.st_ino
    finally:
        remove_empty(one)
        remove_empty(other)
        sync_directory(volume.records)
    if can != moved:
        raise Refusal(
            f"{volume.records} lies on a file system that says {'' if can else 'not '}to have exchanged two "
            f"directories and did {'not' if can else 'so'}: use another file system for the volume"
        )
    return can


def _nfs_locks(found: FileSystem) -> list[str]:
    """Return what goes of the lock; NFSv4 keeps locks itself, unless the mount keeps them local."""
    local = any(option in ("nolock", "local_lock=all", "local_lock=flock") for option in found.options)
    version4 = any(option.startswith("vers=4") for option in found.options)
    return [] if version4 and not local else [_LOCKS]
