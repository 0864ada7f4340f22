"""What a service is, and what an engine can do with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional, Protocol

POSTGRESQL = "postgresql"
PLAIN = "plain"


@dataclass(frozen=True)
class Health:
    """How a service is found healthy; the first that is set counts, none: it runs."""

    container: bool = False
    tcp: str = ""  # host:port
    http: str = ""  # URL that answers 200
    json: Mapping[str, Any] = field(default_factory=dict)  # values that the URL's JSON answer must hold
    postgresql: str = ""  # libpq URL; never shown


@dataclass(frozen=True)
class Service:
    """One service of this host."""

    name: str
    kind: str = PLAIN
    data: Optional[Path] = None  # data directory of a PostgreSQL, as this host sees it
    linked: bool = False  # the data directory must be a link to a data directory, or the service is not started
    command: tuple[str, ...] = ()  # engine process only, like the next three
    user: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Optional[Path] = None
    health: Health = field(default_factory=Health)


@dataclass(frozen=True)
class Stopped:
    """How a service ended; ``code`` is None when it did not run."""

    code: Optional[int]


class Engine(Protocol):
    """What runs services: containers or plain processes."""

    def running(self, service: Service) -> bool:
        """Return whether the service runs."""

    def faults(self, service: Service) -> list[str]:
        """Return what of its definition would keep the service from running as the inventory says."""

    def start(self, service: Service) -> None:
        """Start the service; return at once."""

    def stop(self, service: Service, timeout: float) -> Stopped:
        """Stop the service in order and wait until it is gone."""

    def healthy(self, service: Service) -> Optional[bool]:
        """Return what the engine itself knows of the service's health; None: nothing."""

    def last_words(self, service: Service) -> str:
        """Return the end of the service's log."""


def service_from(raw: Mapping[str, Any]) -> Service:
    """Return the service that a module's option describes."""
    health = {key: value for key, value in (raw.get("health") or {}).items() if value}
    return Service(
        name=raw["name"],
        kind=raw.get("kind") or PLAIN,
        data=Path(raw["data"]) if raw.get("data") else None,
        linked=bool(raw.get("linked")),
        command=tuple(raw.get("command") or ()),
        user=raw.get("user") or "",
        environment={key: str(value) for key, value in (raw.get("environment") or {}).items()},
        directory=Path(raw["directory"]) if raw.get("directory") else None,
        health=Health(**health),
    )
