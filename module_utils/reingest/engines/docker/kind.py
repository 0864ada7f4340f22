"""Docker among the kinds of engines."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ...fs.mounts import Mounts
from ..kind import NO_CONTAINERS, Containers
from ..model import Engine
from .address import SOCKET


@dataclass(frozen=True)
class Docker:
    """The Docker engine of a host."""

    socket: str = ""  # empty: the usual one
    name: str = "docker"
    units: tuple[str, ...] = ("docker.service",)

    def engine(self, records: Path) -> Engine:
        """Return the engine that runs services as containers."""
        from .engine import DockerEngine

        return DockerEngine(records, self.socket or SOCKET)

    def containers(self, path: Path, mounts: Mounts) -> Containers:
        """Return what the Docker engine says of its containers; none where there is no Docker."""
        socket = self.socket or SOCKET
        if not os.path.lexists(socket):
            return NO_CONTAINERS
        from .occupants import containers_at

        return containers_at(path, mounts, socket)

    def load(self) -> None:
        """Import its code."""
        from . import engine, occupants  # noqa: F401 - for whoever imports them later
