"""The poolers that hold a portal's clients: each one database of one PgBouncer, by its admin console."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg2.extensions import make_dsn, parse_dsn

from ..errors import Refusal
from ..postgres.dsn import address, database_of

CONSOLE = "pgbouncer"  # the database of PgBouncer's admin console


@dataclass(frozen=True)
class Pooler:
    """One database of one PgBouncer."""

    admin: str  # connection string of its admin console: with the path of a password file, never a password
    database: str  # as the pooler's clients, and its configuration, call it

    @property
    def place(self) -> str:
        """Where its admin console is."""
        return address(self.admin)

    def __str__(self) -> str:
        """Return how messages name it."""
        return f"database {self.database} of the pooler at {self.place}"

    def stored(self) -> dict[str, str]:
        """Return it as it is written down."""
        return {"admin": self.admin, "database": self.database}


def poolers_from(
    raw: Sequence[Mapping[str, Any]], *, environment: Mapping[str, str], home: Path
) -> tuple[Pooler, ...]:
    """Return the poolers of an inventory.

    The password file is made part of the string: a watchdog that systemd starts has neither the environment
    nor, perhaps, the home of the run that wrote it down.

    Args:
        raw: each with ``admin`` and ``database``.
        environment: this process's own.
        home: the home of its account.

    Raises:
        Refusal: one cannot be used, or is named twice.
    """
    poolers = tuple(_pooler(one, environment, home) for one in raw)
    for number, pooler in enumerate(poolers):
        if (pooler.place, pooler.database) in [(other.place, other.database) for other in poolers[:number]]:
            raise Refusal(f"reingest_poolers names {pooler} twice: leave one out")
    return poolers


def _pooler(raw: Mapping[str, Any], environment: Mapping[str, str], home: Path) -> Pooler:
    admin, database = (str(raw.get(key) or "") for key in ("admin", "database"))
    if not (admin and database):
        raise Refusal(
            "an entry of reingest_poolers lacks admin (connection string of the pooler's admin console) or "
            "database (as the pooler's configuration names it): name both"
        )
    name = database_of(admin)  # refuses what libpq cannot read
    parts = dict(parse_dsn(admin))
    if parts.get("password"):
        raise Refusal(
            f"the admin connection string of the pooler at {address(admin)} holds a password, and this "
            "host's watchdog has to keep the string: put the password into a file of mode 0600 and name it: "
            "passfile=/etc/reingest/pgpass"
        )
    if "," in parts.get("host", "") or "," in parts.get("hostaddr", ""):
        raise Refusal(
            f"the admin connection string of {address(admin)} names several hosts: each pooler is an entry "
            "of its own in reingest_poolers, all of them are held or none"
        )
    if parts.get("dbname") and name != CONSOLE:
        raise Refusal(
            f"the admin connection string of the pooler at {address(admin)} names database {name}: the admin "
            f"console is database {CONSOLE}; the portal's database goes into `database`"
        )
    parts["dbname"] = CONSOLE
    default = Path(environment.get("PGPASSFILE") or home / ".pgpass")
    if "passfile" not in parts and default.is_file():
        parts["passfile"] = str(default)
    return Pooler(str(make_dsn(**parts)), database)


def restored(raw: Sequence[Mapping[str, Any]]) -> tuple[Pooler, ...]:
    """Return poolers as they were written down."""
    return tuple(Pooler(str(one["admin"]), str(one["database"])) for one in raw)
