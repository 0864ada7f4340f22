"""What puts right what a loader leaves that was ended: a lock row in production, say.

It is the portal's own: a command of the worker, or SQL on one of the two servers. It runs after a loader that
was ended or killed, and before one that follows a load which did not come to its end, whatever ended that; so
it may find nothing to do.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

import psycopg2

from ..disclosure.secrets import masked
from ..errors import Refusal
from ..host.processes import USUAL_UMASK
from ..load.script import database_reason
from ..postgres.dsn import connect, with_database
from .command import Command

_SERVERS = ("production", "staging")
_LOCK_WAIT_S = 10
_LAST_LINES = 3


@dataclass(frozen=True)
class Cleanup:
    """A command, or ``sql`` on a server; ``timeout`` is in seconds."""

    command: Command | None = None
    sql: str = ""
    server: str = _SERVERS[0]
    timeout: float = 60

    @property
    def name(self) -> str:
        """Return what it is called in sentences."""
        return (
            f"`cleanup:` {self.command.name}" if self.command else f"the SQL of `cleanup:` in {self.server}"
        )

    def check(self, secrets: Mapping[str, str]) -> None:
        """Refuse one that cannot be run.

        Raises:
            Refusal: it is neither a command nor SQL, or both; or the command cannot be run.
        """
        if bool(self.command) == bool(self.sql.strip()):
            raise Refusal("the loader's `cleanup:` is either `argv:` or `sql:`: declare one of them")
        if self.command:
            self.command.check(secrets)

    def run(self, dsns: Mapping[str, str], database: str, secrets: tuple[str, ...]) -> None:
        """Run it to its end.

        Args:
            dsns: the connection strings of both servers by name, ``production`` and ``staging``.
            database: the portal's database.
            secrets: what is shown nowhere.

        Raises:
            Refusal: it failed; the message has what it said.
        """
        said = self._by_command(self.command) if self.command else self._by_sql(dsns, database)
        if said:
            raise Refusal(
                f"{self.name} failed: {masked(said, secrets)}; put right by hand what the loader left, or "
                "correct `cleanup:`, before the next load"
            )

    def _by_command(self, command: Command) -> str:
        """Return why the command failed; empty when it did not."""
        try:
            ended = subprocess.run(  # noqa: S603 - the operator declared it
                command.argv,
                cwd=command.directory,
                env=command.variables(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=command.timeout,
                umask=USUAL_UMASK,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"it did not end within {command.timeout:g} s"
        except OSError as error:
            return str(error.strerror or error)
        lines = ended.stdout.decode(errors="replace").split("\n")
        last = " | ".join([line.strip() for line in lines if line.strip()][-_LAST_LINES:])
        return f"exit code {ended.returncode}: {last or 'it wrote nothing'}" if ended.returncode else ""

    def _by_sql(self, dsns: Mapping[str, str], database: str) -> str:
        """Return why the SQL failed; empty when it did not, and where there is no such server or database."""
        if not dsns.get(self.server):
            return ""
        try:
            with closing(connect(with_database(dsns[self.server], database))) as connection:
                with connection.cursor() as cursor:
                    cursor.execute(f"SET lock_timeout = '{_LOCK_WAIT_S}s'")
                    cursor.execute(f"SET statement_timeout = '{self.timeout:.0f}s'")
                    cursor.execute(self.sql)
                connection.commit()
        except psycopg2.Error as error:
            return database_reason(error)
        except Refusal as refusal:
            return str(refusal)
        return ""
