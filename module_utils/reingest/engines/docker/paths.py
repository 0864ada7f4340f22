"""Where a container's data directory lies on its host, told from its environment and its mounts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..model import Service

Volumes = Callable[[str], Mapping[str, Any]]  # returns what the engine tells of a volume


@dataclass(frozen=True)
class Place:
    """A directory of a container, on its host."""

    path: Path
    mount: Path  # the source of the mount that it lies in
    writable: bool


def data_faults(service: Service, container: Mapping[str, Any], volume: Volumes) -> list[str]:
    """Return why the container's server would not work in the directory that the inventory names.

    Args:
        service: a PostgreSQL with ``data``.
        container: what the engine tells of its container.
        volume: returns what the engine tells of a volume.
    """
    if service.data is None:
        return []
    inside = data_inside(container)
    if inside is None:
        return [
            f"container {service.name} does not say where its data directory is: create it with PGDATA in "
            "its environment"
        ]
    place = on_host(inside, container.get("Mounts") or [], volume)
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


def data_inside(container: Mapping[str, Any]) -> PurePosixPath | None:
    """Return the data directory as the container sees it: options of the command come before PGDATA."""
    inside = _option(container.get("Args") or [])
    for line in container.get("Config", {}).get("Env") or []:  # the image's own and the container's, merged
        name, _, value = line.partition("=")
        if name == "PGDATA":
            inside = inside or value
    folder = PurePosixPath(container.get("Config", {}).get("WorkingDir") or "/")
    return folder / inside if inside else None


def on_host(inside: PurePosixPath, mounts: Sequence[Mapping[str, Any]], volume: Volumes) -> Place | None:
    """Return where a directory of a container lies on its host; None: on no mount."""
    covering = [
        mount
        for mount in mounts
        if PurePosixPath(mount["Destination"]) in (inside, *inside.parents) and mount["Source"]
    ]
    if not covering:
        return None
    mount = max(covering, key=lambda one: len(PurePosixPath(one["Destination"]).parts))
    source = source_of(mount, volume) or Path(mount["Source"])
    return Place(source / inside.relative_to(mount["Destination"]), source, bool(mount.get("RW", True)))


def source_of(mount: Mapping[str, Any], volume: Volumes) -> Path | None:
    """Return the directory of the host that a mount shows; None: not told, as of some volumes."""
    source = mount.get("Source")
    if mount.get("Type") == "volume":
        # A volume over a directory of the host: its mount point shows that only while a container uses it.
        told = volume(mount["Name"])
        options = told.get("Options") or {}
        if options.get("device") and "bind" in str(options.get("o", "")).split(","):
            return Path(options["device"])
        source = source or told.get("Mountpoint")  # a list of containers has no source of a nameless volume
    return Path(source) if source else None


def _option(arguments: Sequence[str]) -> str:
    """Return the data directory of a PostgreSQL's command line; data_directory comes before -D."""
    found = {"D": "", "data_directory": ""}
    for at, argument in enumerate(arguments):
        follows = arguments[at + 1] if at + 1 < len(arguments) else ""
        if argument.startswith("-D"):
            found["D"] = argument[2:] or follows
            continue
        setting = argument[2:] or follows if argument.startswith("-c") else argument
        if argument.startswith(("-c", "--")):
            name, _, value = setting.lstrip("-").replace("-", "_", 1).partition("=")
            if name == "data_directory":
                found[name] = value
    return found["data_directory"] or found["D"]


def _same(one: Path, other: Path) -> bool:
    """Compare two paths but for what the last part leads to: ``prod`` is a link, and may be missing."""
    return one.parent.resolve() / one.name == other.parent.resolve() / other.name
