"""References put back; rows without their parent are dropped where the dataset says so, else refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import psycopg2
from psycopg2 import sql

from ..dataset.model import SOURCE, Dataset
from ..errors import Refusal
from ..postgres.dsn import Connection
from .script import database_reason
from .setaside import Reference

_SHOWN = 3


def settle_orphans(connection: Connection, dataset: Dataset, references: Sequence[Reference]) -> Counter[str]:
    """Drop orphans in tables that declare it, until none is left, and return how many by table.

    Raises:
        Refusal: there are orphans in a table that does not declare it; with table, column and values.
    """
    dropping = [each for each in references if _drops(dataset, each.table)]
    dropped: Counter[str] = Counter()
    with connection.cursor() as cursor:
        again = True
        while again:  # a dropped row may have been the parent of another
            again = False
            for reference in dropping:
                statement = sql.SQL("DELETE FROM {child} c WHERE {orphan}").format(**_names(reference))
                cursor.execute(statement)
                dropped[reference.table] += cursor.rowcount
                again = again or cursor.rowcount > 0
    return dropped


def add_references(connection: Connection, references: Sequence[Reference]) -> None:
    """Put every reference back, unproven where it can be proven later: an instant for each.

    Raises:
        Refusal: a reference that must be proven at once has orphans.
    """
    with connection.cursor() as cursor:
        for reference in references:
            unproven = " NOT VALID" if reference.late else ""
            _prove(connection, reference, reference.create + unproven)
            cursor.execute(reference.comment)


def prove_references(connection: Connection, references: Sequence[Reference]) -> None:
    """Prove the references that were put back unproven.

    Raises:
        Refusal: there are orphans; with table, column and values.
    """
    for reference in references:
        if reference.late:
            table, name = sql.Identifier(*reference.relation), sql.Identifier(reference.name)
            statement = sql.SQL("ALTER TABLE {} VALIDATE CONSTRAINT {}").format(table, name)
            _prove(connection, reference, statement.as_string(connection))


def _prove(connection: Connection, reference: Reference, statement: str) -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
    except psycopg2.errors.ForeignKeyViolation as error:
        raise _orphans(connection, reference, error) from error


def _orphans(connection: Connection, reference: Reference, error: psycopg2.Error) -> Refusal:
    names = _names(reference)
    values = sql.SQL(", ").join(
        sql.SQL("c.{}::text").format(sql.Identifier(name)) for name in reference.columns
    )
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT count(*) FROM {child} c WHERE {orphan}").format(**names))
        count = cursor.fetchone()[0]
        statement = sql.SQL("SELECT DISTINCT {values} FROM {child} c WHERE {orphan} ORDER BY 1 LIMIT {limit}")
        cursor.execute(statement.format(**names, values=values, limit=sql.Literal(_SHOWN)))
        shown = "; ".join(", ".join(row) for row in cursor.fetchall())
    columns = ", ".join(reference.columns)
    if not count:
        return Refusal(
            f"table {reference.table}, column {columns}: {database_reason(error)}; correct the source"
        )
    return Refusal(
        f"table {reference.table}, column {columns}: {count} rows name a row of {reference.parent} that does "
        f"not exist ({shown}); correct the source, or declare `orphans: drop`, which leaves them out"
    )


def _drops(dataset: Dataset, name: str) -> bool:
    table = dataset.table(name)
    return table is not None and table.owner == SOURCE and table.orphans == "drop"


def _names(reference: Reference) -> dict[str, sql.Composable]:
    """Return the parts of a query over the rows whose reference leads nowhere; a NULL may."""
    pairs = [
        (sql.Identifier("c", child), sql.Identifier("p", parent))
        for child, parent in zip(reference.columns, reference.parent_columns)
    ]
    orphan = sql.SQL("{given} AND NOT EXISTS (SELECT FROM {parent} p WHERE {same})").format(
        given=sql.SQL(" AND ").join(sql.SQL("{} IS NOT NULL").format(child) for child, _ in pairs),
        parent=sql.Identifier(*reference.parent_relation),
        same=sql.SQL(" AND ").join(sql.SQL("{} = {}").format(parent, child) for child, parent in pairs),
    )
    return {"child": sql.Identifier(*reference.relation), "orphan": orphan}
