"""Plain processes among the kinds of engines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...fs.mounts import Mounts
from ..kind import NO_CONTAINERS, Containers
from ..model import Engine


@dataclass(frozen=True)
class Process:
    """Services that are processes of this host."""

    name: str = "process"
    units: tuple[str, ...] = ()

    def engine(self, records: Path) -> Engine:
        """Return the engine that runs services as processes."""
        from .engine import ProcessEngine

        return ProcessEngine(records)

    def containers(self, path: Path, mounts: Mounts) -> Containers:  # noqa: ARG002 - the protocol's
        """Return none: its services are seen as the processes that they are."""
        return NO_CONTAINERS

    def load(self) -> None:
        """Import its code."""
        from . import engine  # noqa: F401 - for whoever imports it later
