"""Which containers have a directory of this host as their data directory, also before their server is there.

One that starts is at its entrypoint for seconds, one that fails is started again at any time, one that is
paused goes on: none of them need have a process in the directory, and all may have one the next instant.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ...errors import Refusal
from ...fs.mounts import Mounts
from ...postgres.working import namespace_of
from ..kind import NO_CONTAINERS, Containers
from .api import DockerApi, EngineAbsent, EngineDenied
from .paths import Volumes, data_inside, on_host, source_of

_ENDING_S = 1.0  # how long the engine may name the process of a container that has ended
_AGAIN_S = 0.05
_LINKS = 40  # as the kernel: more is a loop
_PATIENCE_S = 10.0


def containers_at(path: Path, mounts: Mounts, socket: str) -> Containers:
    """Return the containers, and which of them have the directory as their data directory.

    No engine: no containers. An engine that this account may not use is no blind spot: see ``occupancy``.

    Args:
        path: the directory; it is there.
        mounts: the mounts of this process.
        socket: the engine's socket.
    """
    api = DockerApi(socket, patience=_PATIENCE_S)
    try:
        seen, listed = api.process() > 0, api.active()
        names = {one["Id"]: _name(one) for one in listed}
        volume = _volumes(api, listed)
    except (EngineAbsent, EngineDenied):
        return NO_CONTAINERS
    except Refusal as refusal:
        return Containers({}, {}, {}, f"the containers of this host cannot be asked for ({refusal})")
    reach, unseen, spot = _reaching(api, mounts.above(path), listed, volume)
    if listed and (unseen or not seen):
        spot = f"processes of containers cannot be seen: the Docker engine at {socket} runs outside of here"
    return Containers(
        names,
        {names[one["Id"]]: one["State"]["Status"] for one in reach if _leads(one, path, mounts, volume)},
        # A container within a container may have no control group of its own.
        {space: names[one["Id"]] for one in reach if (space := namespace_of(_pid(one)))},
        spot,
    )


def _volumes(api: DockerApi, listed: list[dict[str, Any]]) -> Volumes:
    mounted = [mount for one in listed for mount in one.get("Mounts") or []]
    volumes = api.volumes() if any(mount.get("Type") == "volume" for mount in mounted) else {}
    return lambda name: volumes.get(name, {})


def _reaching(
    api: DockerApi, above: Collection[str], listed: list[dict[str, Any]], volume: Volumes
) -> tuple[list[dict[str, Any]], bool, str]:
    """Return the containers that reach the path, whether processes are not seen, and why that is not all."""
    unseen = False
    reach: list[dict[str, Any]] = []
    for one in listed:
        sources = [source_of(mount, volume) for mount in one.get("Mounts") or []]
        if not any(source is None or os.path.realpath(source) in above for source in sources):
            continue  # without asking more: most containers of a host have other things to do
        try:
            container = api.inspect(one["Id"])
            unseen = unseen or not _seen(api, container)
        except Refusal as refusal:  # it may be about to start or to stop, for long
            return (
                reach,
                unseen,
                f"container {_name(one)}, which could reach it, cannot be asked for ({refusal})",
            )
        if (container.get("State") or {}).get("Running"):  # else it has ended meanwhile
            reach.append(container)
    return reach, unseen, ""


def _leads(container: Mapping[str, Any], path: Path, mounts: Mounts, volume: Volumes) -> bool:
    """Return whether the container's data directory is the directory at the path."""
    told = container.get("Mounts") or []
    root = Path(f"/proc/{_pid(container)}/root")
    inner = _pid(container) > 0 and os.access(root, os.X_OK)

    def place(where: PurePosixPath) -> Path | None:
        if inner:  # as the container itself sees it, however that is mounted
            return root / where.relative_to("/")
        found = on_host(where, told, volume)
        # Docker follows a link that is the source of a mount; the container those below it.
        return found.mount.resolve() / found.path.relative_to(found.mount) if found else None

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


def _seen(api: DockerApi, container: Mapping[str, Any]) -> bool:
    """Return whether a container's process is to be found here, if it has one."""
    deadline = time.monotonic() + _ENDING_S
    while _pid(container) and not _known(container):
        if time.monotonic() > deadline:
            return False
        time.sleep(_AGAIN_S)  # it has ended, or was started anew, and the engine has not noted it yet
        container = api.inspect(container["Id"])
    return True


def _known(container: Mapping[str, Any]) -> bool:
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
