"""Whether ``ingest/`` can be renamed to where it must go."""

from __future__ import annotations

import errno
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..errors import Refusal
from ..fs.durable import make_own_directory, remove_empty
from ..fs.mounts import mounts
from ..fs.no_follow import is_link, listed, read_link
from ..fs.rename import rename
from ..volume.layout import Volume

_PROBE = ".reingest-probe"


def mount_faults(volume: Volume) -> list[str]:
    """Return why ``ingest/`` cannot be renamed into ``staging/``: a mount, or a link, is in the way."""
    return ingest_mount_faults(volume) + staging_mount_faults(volume)


def refuse_mounts(volume: Volume, *, copies: bool) -> None:
    """Refuse, before a load begins, a volume on which it could not be promoted.

    Args:
        volume: the volume.
        copies: whether a load is copied where it cannot be renamed.

    Raises:
        Refusal: ``ingest/`` cannot be renamed, or not even copied, to where it must go.
    """
    faults = staging_mount_faults(volume) + ([] if copies else ingest_mount_faults(volume))
    if faults:
        raise Refusal("; ".join(faults))


def ingest_mount_faults(volume: Volume) -> list[str]:
    """Return what of ``ingest/`` is a mount of its own: a rename cannot cross it, a copy can.

    Bind mounts of one file system share ``st_dev``; only the kernel's list of mounts tells them apart.
    """
    seen = mounts()
    there = seen.of(volume.ingest)
    if there.point == seen.of(volume.root).point:
        return []
    if there.point == volume.ingest.resolve():
        found = "is a mount of its own"
    else:
        found = f"lies on another file system, mounted at {there.point}"
    return [
        f"{volume.ingest} {found}, a rename cannot cross it: mount the whole volume {volume.root} instead, "
        "or have loads copied (reingest_copy: true)"
    ]


def staging_mount_faults(volume: Volume) -> list[str]:
    """Return what a copy cannot cross either: a folder of the volume, or a part of a cluster, elsewhere."""
    inside = volume.ingest.resolve()
    points = {mount.point for mount in mounts().table.values()}
    faults = [
        f"{point} is a mount of its own, what lies there would stay behind: move it into {volume.ingest}"
        for point in sorted(points)
        if inside in point.parents
    ]
    for path in (volume.staging, volume.records):
        if is_link(path):
            faults.append(f"{path} is a link to {read_link(path)}: make it a directory of the volume")
        elif path.resolve() in points:
            faults.append(
                f"{path} is a mount of its own, a rename cannot cross it: mount the whole volume "
                f"{volume.root} instead"
            )
    return faults


def probe_rename(volume: Volume, call: Callable[..., object] | None = None) -> None:
    """Try with an empty directory whether ``ingest/`` can be renamed into ``staging/``.

    Two bind mounts of one device, and two quota projects, share ``st_dev`` and still answer EXDEV:
    only a try tells.

    Its name cannot be foreseen: the servers' account, which writes ``ingest/``, may put nothing in its way.

    Raises:
        Refusal: it cannot.
    """
    make_own_directory(volume.staging, through=True)
    for folder in (volume.ingest, volume.staging):
        _clear_probes(folder)
    probe = volume.ingest / f"{_PROBE}-{secrets.token_hex(8)}"
    landed = volume.staging / probe.name
    make_own_directory(probe)
    try:
        rename(probe, landed, call)
    except OSError as error:
        remove_empty(probe)
        if error.errno != errno.EXDEV:
            raise
        raise Refusal(
            f"{volume.ingest} cannot be renamed into {volume.staging}: they are different mounts or quota "
            f"projects; mount the whole volume {volume.root} as one"
        ) from None
    remove_empty(landed)


def _clear_probes(folder: Path) -> None:
    """Take away what a run left that died here; what somebody else put there stays, in nobody's way."""
    for name in listed(folder):
        if name.startswith(_PROBE):
            with suppress(OSError):
                remove_empty(folder / name)
