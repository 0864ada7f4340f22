"""What is known of each kind of engine, whether or not it runs any of a host's services."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..fs.mounts import Mounts
from .model import Engine


@dataclass(frozen=True)
class Containers:
    """What engines say of their active containers."""

    names: Mapping[str, str]  # of all of them, by id
    states: Mapping[str, str]  # of those whose data directory it is: running, paused, restarting; by name
    namespaces: Mapping[str, str]  # names of those that could reach it, by the namespace of their processes
    blind_spot: str = ""  # why that is not all


NO_CONTAINERS = Containers({}, {}, {})


class Kind(Protocol):
    """A kind of engine. Its own code is imported when it is first used, not before."""

    @property
    def name(self) -> str:
        """What the inventory calls it."""

    @property
    def units(self) -> tuple[str, ...]:
        """The systemd units that must run before services of it can be started."""

    def engine(self, records: Path) -> Engine:
        """Return an engine that keeps what it must remember of services in the folder ``records``."""

    def containers(self, path: Path, mounts: Mounts) -> Containers:
        """Return the active containers of this host, and which have the directory as their data directory.

        It is asked on every host, whichever engine runs the services there.

        Args:
            path: the directory; it exists.
            mounts: the mounts of this process.
        """

    def load(self) -> None:
        """Import its code now: for a process that may outlive the archive which it was started from."""


def together(told: Iterable[Containers]) -> Containers:
    """Return what several engines say as one."""
    names: dict[str, str] = {}
    states: dict[str, str] = {}
    namespaces: dict[str, str] = {}
    spots = []
    for one in told:
        names.update(one.names)
        states.update(one.states)
        namespaces.update(one.namespaces)
        spots += [one.blind_spot] if one.blind_spot else []
    return Containers(names, states, namespaces, "; ".join(spots))
