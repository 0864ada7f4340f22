"""Jobs as they are kept. One at a time is active; the database refuses a second one."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import Engine, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from .tables import jobs

RUNNING, SUCCEEDED, FAILED, CANCELLED, LOST = "running", "succeeded", "failed", "cancelled", "lost"
STATES = (RUNNING, SUCCEEDED, FAILED, CANCELLED, LOST)


@dataclass(frozen=True)
class Order:
    """What is asked for, by whom; the fields are those of a job."""

    kind: str
    asked: Mapping[str, Any]
    dry: bool
    person: str
    through: str
    authenticated: str = ""
    parent: str = ""


@dataclass(frozen=True)
class Job:
    """One job; the columns are explained in ``tables``."""

    id: str
    kind: str
    dry: bool
    asked: Mapping[str, Any]
    person: str
    through: str
    authenticated: str
    asked_at: str
    state: str
    ended_at: str | None
    code: int | None
    why: str
    cancelled_by: str
    parent: str
    active: bool


class Occupied(Exception):  # noqa: N818 - a state, not a fault
    """Another job is active."""

    def __init__(self, job: Job | None) -> None:
        super().__init__("another job is active")
        self.job = job


class JobStore:
    """Reads and writes jobs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, order: Order) -> Job:
        """Keep a new job, which is active, and return it.

        Raises:
            Occupied: another one is.
        """
        name = secrets.token_hex(8)
        values = {
            "id": name,
            **asdict(order),
            "asked_at": now(),
            "state": RUNNING,
            "why": "",
            "cancelled_by": "",
            "active": True,
        }
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(jobs).values(**values))
        except IntegrityError:
            raise Occupied(self.active()) from None
        found = self.find(name)
        assert found is not None  # noqa: S101 - it was written
        return found

    def find(self, name: str) -> Job | None:
        """Return a job; None where there is none of that id."""
        with self._engine.connect() as connection:
            row = connection.execute(select(jobs).where(jobs.c.id == name)).first()
        return _job(row) if row is not None else None

    def active(self) -> Job | None:
        """Return the job that is active."""
        with self._engine.connect() as connection:
            row = connection.execute(select(jobs).where(jobs.c.active.is_(True))).first()
        return _job(row) if row is not None else None

    def newest(self, most: int = 50) -> list[Job]:
        """Return the newest jobs, the last one first."""
        query = select(jobs).order_by(jobs.c.asked_at.desc(), jobs.c.id).limit(most)
        with self._engine.connect() as connection:
            return [_job(row) for row in connection.execute(query)]

    def end(self, job: Job, state: str, *, code: int | None = None, why: str = "") -> None:
        """Write down how a job ended; it is not active any more."""
        self._change(job.id, state=state, code=code, why=why, ended_at=now(), active=False)

    def cancel(self, job: Job, by: str) -> None:
        """Write down that a job is to be cancelled."""
        self._change(job.id, cancelled_by=by)

    def _change(self, name: str, **values: object) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                update(jobs).where(jobs.c.id == name, jobs.c.active.is_(True)).values(**values)
            )


def now() -> str:
    """Return the time, UTC, ISO 8601."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def _job(row: Row[Any]) -> Job:
    return Job(**row._mapping)
