"""Where a container's data directory lies on its host, told from its environment and its mounts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from .model import Service


@dataclass(frozen=True)
class _Place:
    path: Path  # on the host
    mount: Path  # the source of the mount that it lies in, on the host


def data_faults(
    service: Service, container: Mapping[str, Any], volume: Callable[[str], Mapping[str, Any]]
) -> list[str]:
    """Return why the container's server would not work in the directory that the inventory names.

    Args:
        service: a PostgreSQL with ``data``.
        container: what the engine tells of its container.
        volume: returns what the engine tells of a volume.
    """
    if service.data is None:
        return []
    inside = _data_inside(container)
    if inside is None:
        return [
            f"container {service.name} does not say where its data directory is: create it with PGDATA in "
            "its environment"
        ]
    place = _on_host(inside, container.get("Mounts") or [], volume)
    if place is None:
        return [
            f"container {service.name} has its data directory {inside} on no mount, it would be lost with "
            f"the container: mount the whole volume {service.data.parent} and set PGDATA to "
            f"{service.data.name} inside it"
        ]
    if _same(place.path, service.data):
        if place.path == place.mount and (service.linked or service.data.is_symlink()):
            return [
                f"container {service.name} has {service.data} itself as the source of a mount: Docker "
                "resolves the link once, at the start, and makes a directory where it is missing; mount the "
                f"whole volume {service.data.parent} and set PGDATA to {service.data.name} inside it"
            ]
        return []
    return [
        f"container {service.name} works in {place.path} (its PGDATA {inside}), the inventory says "
        f"{service.data}: correct reingest_volume, or the container's mounts and PGDATA"
    ]


def _data_inside(container: Mapping[str, Any]) -> PurePosixPath | None:
    """Return the data directory as the container sees it: an option of the command comes before PGDATA."""
    arguments: Sequence[str] = container.get("Args") or []
    for at, argument in enumerate(arguments):
        if argument == "-D" and at + 1 < len(arguments):
            return PurePosixPath(arguments[at + 1])
        if argument.startswith("-D") and len(argument) > 2:
            return PurePosixPath(argument[2:])
    for line in container.get("Config", {}).get("Env") or []:  # the image's own and the container's, merged
        name, _, value = line.partition("=")
        if name == "PGDATA" and value:
            return PurePosixPath(value)
    return None


def _on_host(
    inside: PurePosixPath, mounts: Sequence[Mapping[str, Any]], volume: Callable[[str], Mapping[str, Any]]
) -> _Place | None:
    covering = [
        mount
        for mount in mounts
        if PurePosixPath(mount["Destination"]) in (inside, *inside.parents) and mount["Source"]
    ]
    if not covering:
        return None
    mount = max(covering, key=lambda one: len(PurePosixPath(one["Destination"]).parts))
    source = Path(mount["Source"])
    if mount.get("Type") == "volume":
        # A volume over a directory of the host: its mount point shows that only while a container uses it.
        options = volume(mount["Name"]).get("Options") or {}
        if options.get("device") and "bind" in str(options.get("o", "")).split(","):
            source = Path(options["device"])
    return _Place(source / inside.relative_to(mount["Destination"]), source)


def _same(one: Path, other: Path) -> bool:
    """Compare two paths but for what the last part leads to: ``prod`` is a link, and may be missing."""
    return one.parent.resolve() / one.name == other.parent.resolve() / other.name
