"""Every row that was read is accounted for: it is in the table, or it is known why it is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from psycopg2 import sql

from ..errors import Refusal
from ..postgres.dsn import Connection
from .catalog import TableShape
from .provenance import TableCount
from .rejects import RejectPolicy
from .rows import Feed


@dataclass(frozen=True)
class Account:
    """One table's rows as the reader met them, and those that were left out."""

    read: int
    duplicates: int
    orphans: int
    rejected: int
    filtered: int

    @property
    def left_out(self) -> int:
        """Return how many of the rows that were read are not to be in the table."""
        return self.duplicates + self.orphans + self.rejected + self.filtered


def settle_accounts(
    connection: Connection, feeds: Sequence[Feed], accounts: Mapping[str, Account], policy: RejectPolicy
) -> dict[str, TableCount]:
    """Count the rows in the tables and compare them with what was read; before any transform changes them.

    Raises:
        Refusal: rows are lost or too many, or all tables together have more rejects than the dataset allows.
    """
    counts = {}
    for feed in feeds:
        name = feed.table.name
        account = accounts[name]
        loaded = count_table(connection, feed.shape)
        if account.read != loaded + account.left_out:
            raise Refusal(
                f"table {name}: {account.read} rows were read, and {loaded} are loaded, {account.duplicates} "
                f"duplicates, {account.orphans} orphans, {account.rejected} rejected and {account.filtered} "
                "filtered: rows were lost or added; look for a trigger, a rule or a client that writes to "
                "the staging server"
            )
        counts[name] = TableCount(
            feed.table.owner,
            account.read,
            loaded,
            account.duplicates,
            account.orphans,
            account.rejected,
            account.filtered,
        )
    policy.check_whole(
        sum(account.rejected for account in accounts.values()),
        sum(account.read - account.filtered for account in accounts.values()),
    )
    return counts


def count_table(connection: Connection, shape: TableShape) -> int:
    """Return how many rows a table has."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(shape.own))
        return int(cursor.fetchone()[0])
