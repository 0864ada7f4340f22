"""A session at a pooler's admin console, in which no question waits for ever: a pooler may hang, too."""

from __future__ import annotations

import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ, parse_dsn

from ..errors import Refusal
from ..postgres.dsn import Connection
from .model import Pooler

_APPLICATION = "reingest hold"
_NOBODY = ("Connection refused", "No such file or directory")
_WRONG = ("password", "SASL", "authentication", "no such user", "certificate")


class Silent(Refusal):
    """The pooler is not there, or does not answer: it holds nobody then, or hangs."""


class Away(Silent):
    """Nothing listens there: a pooler that is not running holds nobody."""


class Late(Refusal):
    """The pooler works on a question for longer than it was given."""


class Console:
    """A session at one pooler's admin console."""

    def __init__(self, pooler: Pooler, connection: Connection) -> None:
        self.pooler = pooler
        self._connection = connection

    def ask(self, statement: str, seconds: float) -> list[dict[str, Any]]:
        """Return what the console answers, a row each.

        Raises:
            Late: it has no answer so far; the session is of no use any more, what was begun goes on.
            Silent: the pooler is gone.
            Refusal: the console refuses it.
        """
        try:
            cursor = self._connection.cursor()  # not closed: that is refused while a question is under way
            cursor.execute(statement)
            _wait(self._connection, seconds)
            rows = cursor.fetchall() if cursor.description else []
            names = [column[0] for column in cursor.description or ()]
        except _TookLongerError:
            raise Late(f"{self.pooler}: {statement} has no answer after {seconds:g} s") from None
        except psycopg2.Error as error:
            if error.pgcode:  # the console's own answer; without one the session ended
                raise Refusal(_denied(self.pooler, statement, _told(error))) from None
            raise Silent(f"the pooler at {self.pooler.place} is gone ({_told(error)}): start it") from None
        return [dict(zip(names, row)) for row in rows]

    def gone(self, seconds: float, *, wake: int) -> bool:
        """Wait so long for the pooler to end the session, as it does when it is restarted.

        Args:
            seconds: how long.
            wake: a descriptor that ends the waiting when it can be read.
        """
        own = self._connection.fileno()
        return own in select.select([own, wake], [], [], seconds)[0]

    def quoted(self) -> str:
        """Return the name of the pooler's database as a word of its console's language."""
        return '"' + self.pooler.database.replace('"', '""') + '"'


@contextmanager
def console(pooler: Pooler, seconds: float) -> Iterator[Console]:
    """Log in to a pooler's admin console.

    Raises:
        Silent: nothing answers there within so many seconds.
        Refusal: the login is refused.
    """
    connection = None
    try:
        connection = psycopg2.connect(pooler.admin, application_name=_APPLICATION, async_=True)
        _wait(connection, seconds)
    except _TookLongerError:
        if connection is not None:
            connection.close()
        raise Silent(
            f"the pooler at {pooler.place} does not answer within {seconds:g} s: see whether it hangs"
        ) from None
    except psycopg2.Error as error:
        if connection is not None:
            connection.close()
        raise _not_in(pooler, _told(error)) from None
    try:
        yield Console(pooler, connection)
    finally:
        connection.close()


class _TookLongerError(Exception):
    pass


def _wait(connection: Connection, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while (state := connection.poll()) != POLL_OK:
        left = deadline - time.monotonic()
        wanted = [connection.fileno()]
        # An answer without end can always be read: then it is the time alone that ends it.
        if left <= 0 or not any(
            select.select(*((wanted, []) if state == POLL_READ else ([], wanted)), [], left)
        ):
            raise _TookLongerError


def _told(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text.rpartition("failed: ")[2]


def _not_in(pooler: Pooler, reason: str) -> Refusal:
    user = dict(parse_dsn(pooler.admin)).get("user") or "(the account's own name)"
    login = f"the login as {user} to the admin console of the pooler at {pooler.place} is refused ({reason})"
    if "not allowed" in reason:
        return Refusal(f"{login}: add {user} to its admin_users, and reload it")
    if any(word in reason for word in _WRONG):
        return Refusal(f"{login}: correct the user, or its password in the password file (mode 0600)")
    if "FATAL" in reason:
        return Refusal(f"{login}: correct the connection string in reingest_poolers")
    kind = Away if any(word in reason for word in _NOBODY) else Silent
    return kind(f"no pooler answers at {pooler.place} ({reason}): start it, or correct reingest_poolers")


def _denied(pooler: Pooler, statement: str, reason: str) -> str:
    if "admin access needed" in reason:
        return f"the pooler at {pooler.place} refuses {statement} ({reason}): name one of its admin_users"
    if "no such database" in reason:
        return (
            f"the pooler at {pooler.place} has no database {pooler.database} in its configuration: add it "
            "to [databases] and reload the pooler, or correct reingest_poolers"
        )
    return f"the pooler at {pooler.place} refuses {statement}: {reason}"
