"""What a service is, and what an engine can do with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ..errors import Refusal
from ..fs.no_follow import is_link, read_link

POSTGRESQL = "postgresql"
PLAIN = "plain"
PROBE = "probe"  # nothing that an engine runs: an address that must answer, such as the portal's own


@dataclass(frozen=True)
class Health:
    """How a service is found healthy; the first that is set counts, none: it runs."""

    container: bool = False
    tcp: str = ""  # host:port
    http: str = ""  # URL that answers 200
    json: Mapping[str, Any] = field(default_factory=dict)  # values that the URL's JSON answer must hold
    postgresql: str = ""  # libpq URL; never shown
    database: str = ""  # log in to this database instead of the URL's, which a load drops and makes new
    ready: bool = False  # a PostgreSQL says so in its data directory: for who has no login


@dataclass(frozen=True)
class Service:
    """One service of this host."""

    name: str
    kind: str = PLAIN
    data: Path | None = None  # data directory of a PostgreSQL, as this host sees it
    linked: bool = (
        False  # the data directory must be a link to a data directory, or the service is not started
    )
    command: tuple[str, ...] = ()  # engine process only, like the next three
    user: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path | None = None
    health: Health = field(default_factory=Health)

    @property
    def place(self) -> Path:
        """Where the data directory lies now: what the link leads to, which is then opened without one.

        Raises:
            Refusal: the service has none.
        """
        if self.data is None:
            raise Refusal(f"service {self.name} names no data directory: add data")
        return self.data.parent / read_link(self.data) if is_link(self.data) else self.data


@dataclass(frozen=True)
class Stopped:
    """How a service ended; ``code`` is None when it did not run."""

    code: int | None
    killed: bool = False  # it did not end by its stop signal


class Engine(Protocol):
    """What runs services: containers or plain processes."""

    def running(self, service: Service) -> bool:
        """Return whether the service runs."""

    def faults(self, service: Service) -> list[str]:
        """Return what of its definition would keep the service from running as the inventory says."""

    def containers(self, service: Service) -> tuple[str, ...]:
        """Return the names of the containers that the service runs in."""

    def processes(self, service: Service) -> tuple[int, ...]:
        """Return the processes of this host that the engine itself has started for the service."""

    def group_faults(self, services: Sequence[Service]) -> list[str]:
        """Return what would keep these services from taking turns on one data directory."""

    def returns(self, service: Service) -> bool:
        """Return whether something would start the service again after it was stopped."""

    def held(self, service: Service) -> bool:
        """Return whether a stop has put aside what starts the service again; the next start gives it back."""

    def start(self, service: Service) -> None:
        """Start the service so that it is what it was before the stop; return at once."""

    def prepare_stop(self, service: Service) -> None:
        """Do what of a stop can be done while the service runs; a start takes it back."""

    def stop(self, service: Service, timeout: float) -> Stopped:
        """Stop the service in order, so that it stays stopped, and wait until it is gone."""

    def healthy(self, service: Service) -> bool | None:
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
