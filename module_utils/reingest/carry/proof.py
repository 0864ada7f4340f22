"""The proof: what was taken and what is there sum up to the same, table by table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg2 import sql

from ..errors import Refusal
from ..ownership.checksum import Content, read_content
from ..postgres.dsn import Connection
from .named_objects import naming, tables_of
from .put import Put
from .quarantine import quarantine_sum
from .record import TableSum
from .unit import Unit


def sums_of(connection: Connection, units: Sequence[Unit]) -> dict[str, Content]:
    """Return what the rows of each table sum up to, those in quarantine included."""
    sums: dict[str, Content] = {}
    for unit in units:
        found = read_content(
            connection, sql.Identifier(*unit.source), unit.columns, only=not unit.from_partitions
        )
        sums[unit.table] = sums.get(unit.table, Content()) + found + quarantine_sum(connection, unit.source)
    return sums


def written(sums: Mapping[str, Content]) -> dict[str, TableSum]:
    """Return sums as a manifest has them."""
    return {table: TableSum(found.rows, str(found.checksum)) for table, found in sums.items()}


def read_back(sums: Mapping[str, TableSum]) -> dict[str, Content]:
    """Return sums as they were written."""
    return {table: Content(found.rows, int(found.total)) for table, found in sums.items()}


def prove(taken: Mapping[str, Content], made: Put, where: str) -> tuple[str, ...]:
    """Compare what was taken with what is there; return a line for each table, for the report.

    Args:
        taken: what the rows summed up to where they were taken.
        made: what became of them.
        where: where they are now, for messages: "the load".

    Raises:
        Refusal: they differ.
    """
    faults = [fault for table, before in taken.items() for fault in _faults(table, before, made)]
    if faults:
        raise Refusal(
            f"users' rows are not in {where} as they were taken: {'; '.join(faults)}: does a rule, a "
            "generated "
            "value or a trigger of the schema change them?"
        )
    return tuple(_line(table, before, made) for table, before in taken.items())


def prove_objects(units: Sequence[Unit], before: Content, made: Put, where: str) -> tuple[str, ...]:
    """Compare the large objects that rows named where they were taken with those that are there; a line.

    Raises:
        Refusal: they differ.
    """
    if not naming(units):
        return ()
    tables = tables_of(units)
    left_out = made.of_objects.left_out
    after = made.objects + left_out
    if before != after:
        raise Refusal(
            f"large objects of {tables} are not in {where} as they were taken: {before.rows} were taken and "
            f"{after.rows} are there, or their content is another one: look at the log of its server"
        )
    left = f", {left_out.rows:,} left out with their rows" if left_out.rows else ""
    return (f"large objects of {tables}: {made.objects.rows:,} carried{left}, 0 differ",)


def _faults(table: str, before: Content, made: Put) -> list[str]:
    after = made.sums.get(table, Content())
    if before == after:
        return []
    if before.rows != after.rows:
        return [f"table {table}: {before.rows} rows were taken and {after.rows} are there"]
    return [f"table {table}: {before.rows} rows have another content than where they were taken"]


def _line(table: str, before: Content, made: Put) -> str:
    carried, dropped = made.rows.get(table, 0), made.settled.dropped.get(table, Content()).rows
    parts = [f"{carried:,} carried"]
    aside = before.rows - carried - dropped
    if aside:
        parts.append(f"{aside:,} quarantined")
    if dropped:
        parts.append(f"{dropped:,} dropped")
    why = f" ({made.settled.reasons[table]})" if table in made.settled.reasons else ""
    return f"{table}: {', '.join(parts)}, 0 differ{why}"
