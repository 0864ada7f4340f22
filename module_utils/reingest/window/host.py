"""What a recovery of one host is given, and what it tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..engines.model import Engine, Service
from ..volume.layout import Volume


@dataclass(frozen=True)
class Host:
    """What one host has of the portal."""

    records: Path
    engine: Engine
    volume: Volume | None
    production: tuple[Service, ...]
    staging: tuple[Service, ...]
    writers: tuple[Service, ...]
    stop_timeout: float
    start_timeout: float
    login: str = ""  # production's, of a superuser; empty: users' rows are not carried
    maintenance_off: tuple[str, ...] = ()  # the command that takes the maintenance answer away; empty: none
    poolers: tuple[Mapping[str, Any], ...] = ()  # they hold the clients; empty: writers are stopped


@dataclass(frozen=True)
class Outcome:
    """What was done, or, in a dry run, would be."""

    live: str  # the snapshot that is live afterwards; empty: none, or a host without the volume
    did: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()  # what could not be done
    taken_back: str = ""  # why the promotion was taken back; empty: it was not
    warnings: tuple[str, ...] = ()  # what a person has to know, and nobody waits for

    @property
    def changed(self) -> bool:
        """Whether anything was done."""
        return bool(self.did)


@dataclass
class Told:
    """What was done with users' rows or with clients, what went wrong, and what a person has to know."""

    did: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
