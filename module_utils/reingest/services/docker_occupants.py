"""Which containers have a directory of this host as their data directory, also before their server is there.

One that starts is at its entrypoint for seconds, one that fails is started again at any time, one that is
paused goes on: none of them need have a process in the directory, and all may have one the next instant.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import Refusal
from ..postgres.mounts import Mounts
from .docker_api import DockerApi, EngineAbsent, EngineDenied
from .docker_paths import Volumes, data_inside, on_host, source_of

_LINKS = 40  # as the kernel: more is a loop


@dataclass(frozen=True)
class Containers:
    """What the engine tells of the containers that are active."""

    names: Mapping[str, str]  # of all of them, by id
    states: Mapping[str, str]  # of those whose data directory it is: running, paused, restarting; by name
    blind_spot: str = ""  # why that is not all


def containers_at(path: Path, mounts: Mounts, socket: str) -> Containers:
    """Return the containers, and which of them have the directory as their data directory.

    No engine: no containers. An engine that this account may not use is no blind spot: see ``occupancy``.

    Args:
        path: the directory; it is there.
        mounts: the mounts of this process.
        socket: the engine's socket.
    """
    api = DockerApi(socket)
    try:
        listed = api.active()
        names = {one["Id"]: _name(one) for one in listed}
        states, hidden = _look(api, path, mounts, listed)
    except (EngineAbsent, EngineDenied):
        return Containers({}, {})
    except Refusal as refusal:
        return Containers({}, {}, f"the containers of this host cannot be asked for ({refusal})")
    spot = (
        f"the processes of container {names[hidden]} cannot be seen from here: the Docker engine at {socket} "
        "runs outside of the container that this runs in"
        if hidden
        else ""
    )
    return Containers(names, {names[identifier]: state for identifier, state in states.items()}, spot)


def _look(
    api: DockerApi, path: Path, mounts: Mounts, listed: list[dict[str, Any]]
) -> tuple[dict[str, str], str]:
    """Return the states, by id, of the containers at the path, and one whose processes cannot be seen."""
    shown = {one["Id"]: [mount for mount in one.get("Mounts") or [] if mount["Source"]] for one in listed}
    has_volumes = any(mount.get("Type") == "volume" for found in shown.values() for mount in found)
    volumes = api.volumes() if has_volumes else {}

    def volume(name: str) -> Mapping[str, Any]:
        return volumes.get(name, {})

    wanted = mounts.position(path)
    states, hidden, looked = {}, "", False
    for one in listed:
        if not any(mounts.reaches(source_of(mount, volume), wanted) for mount in shown[one["Id"]]):
            continue  # without asking more: most containers of a host have other things to do
        container = api.inspect(one["Id"])
        if not (container.get("State") or {}).get("Running"):
            continue  # it has ended meanwhile
        looked = looked or _pid(container) > 0
        hidden = one["Id"] if _hidden(api, container) else hidden
        if _leads(container, path, mounts, volume):
            states[one["Id"]] = str(one["State"])
    if not looked:  # one is enough to tell where the engine's containers are
        hidden = next((one["Id"] for one in listed if one["State"] == "running"), "")
        hidden = hidden if hidden and _hidden(api, api.inspect(hidden)) else ""
    return states, hidden


def _leads(container: Mapping[str, Any], path: Path, mounts: Mounts, volume: Volumes) -> bool:
    """Return whether the container's data directory is the directory at the path."""
    told = container.get("Mounts") or []
    root = Path(f"/proc/{_pid(container)}/root")
    inner = _pid(container) > 0 and os.access(root, os.X_OK)

    def place(where: PurePosixPath) -> Path | None:
        if inner:  # as the container itself sees it, however that is mounted
            return root / where.relative_to("/")
        found = on_host(where, told, volume)
        return found.path if found else None

    inside = data_inside(container)
    if inside is None:
        return False
    inside = _followed(inside, place)
    covering = on_host(inside, told, volume)
    if covering and not covering.writable and mounts.position(covering.mount).device == _device(path, mounts):
        return False  # no server runs on what it cannot write to
    there = place(inside)
    try:
        return there is not None and there.samefile(path)
    except PermissionError:
        return there is not None and not inner and mounts.position(there) == mounts.position(path)
    except OSError:
        return False


def _device(path: Path, mounts: Mounts) -> str:
    return mounts.position(path).device


def _followed(inside: PurePosixPath, place: Callable[[PurePosixPath], Path | None]) -> PurePosixPath:
    """Return a path with its links followed as the container follows them: ``/`` is its own root."""
    done, todo, links = PurePosixPath("/"), list(inside.parts[1:]), 0
    while todo:
        part = todo.pop(0)
        if part == "..":
            done = done.parent
            continue
        there = place(done / part)
        try:
            target = PurePosixPath(there.readlink()) if there is not None and links < _LINKS else None
        except OSError:  # no link, or not there
            target = None
        if target is None:
            done /= part
            continue
        links += 1
        if target.is_absolute():
            done, target = PurePosixPath("/"), target.relative_to("/")
        todo = [*target.parts, *todo]
    return done


def _hidden(api: DockerApi, container: Mapping[str, Any]) -> bool:
    """Return whether a container runs and its process is not to be found here."""
    if not container or not _pid(container) or _seen(container):
        return False
    again = api.inspect(container["Id"])  # it may have ended meanwhile, or been started anew
    return _pid(again) > 0 and not _seen(again)


def _seen(container: Mapping[str, Any]) -> bool:
    # One of them has the id; that of a process which only has the same number here has not.
    process = Path(f"/proc/{_pid(container)}")
    return any(container["Id"] in _text(process / name) for name in ("cgroup", "mountinfo"))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _pid(container: Mapping[str, Any]) -> int:
    return int((container.get("State") or {}).get("Pid") or 0)


def _name(listed: Mapping[str, Any]) -> str:
    return next((str(name)[1:] for name in listed["Names"] if name.count("/") == 1), str(listed["Id"])[:12])
