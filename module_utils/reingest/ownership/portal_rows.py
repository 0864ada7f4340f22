"""Whether the schema takes production's rows of a portal-owned table: by the catalogues, else by the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psycopg2
from psycopg2 import sql

from ..postgres.dsn import Connection
from .catalog import Column, Table
from .fault import Fault
from .types import Types, misfit, shown

_ADD = "or drop it in production, if nobody needs its rows"
_MIGRATE = "keep production's form in the schema, or migrate production first"


@dataclass(frozen=True)
class Question:
    """What only production's rows can tell: how many of them break what the schema newly demands."""

    table: Table
    demand: str  # as a sentence goes on after "the schema demands"
    query: sql.Composable


def judge_table(before: Table, after: Table, old: Types, new: Types) -> tuple[list[Fault], list[Question]]:
    """Return what of a table's new form cannot take the rows, and what production is to be asked.

    Args:
        before: the table in production.
        after: the table that the schema makes, whose rows they become.
        old: production's types.
        new: the schema's types.
    """
    faults: list[Fault] = []
    questions: list[Question] = []
    for name, column in before.columns.items():
        if name not in after.columns:
            faults.append(_lost(before, column))
            continue
        faults.extend(_of_column(before, column, after.columns[name], old, new))
    for name, column in after.columns.items():
        if name not in before.columns and column.not_null and not column.filled:
            faults.append(_new(before, column))
    if not faults:  # a question about a column that is not there has no answer
        questions.extend(_questions(before, after))
    return faults, questions


def missing_table(before: Table) -> Fault:
    """Return the fault of a table that the schema does not make."""
    return Fault(
        before.name,
        f"table {before.name} is portal-owned and in production, and the schema makes no such table",
        f"add it to the schema (a renamed table keeps its old name until production is migrated), {_ADD}",
    )


def own_columns(before: Table, parent: Table, after: Table) -> list[Fault]:
    """Return what keeps rows of a child that the schema does not make out of the table that it inherits from.

    A column that only the child has would get a value in the rows of that table, too.
    """
    own = [name for name in before.columns if name not in parent.columns and name in after.columns]
    if not own:
        return []
    return [
        Fault(
            before.name,
            f"table {before.name} inherits from {parent.name}, and the schema does not make it: "
            f"{', '.join(own)} of its rows would come into {parent.name}, which has no such column in "
            "production",
            f"add the child to the schema, {_ADD}",
        )
    ]


def ask(connection: Connection, questions: Sequence[Question]) -> list[Fault]:
    """Return the questions whose answer is not "none", asked of production on a read-only connection."""
    faults = []
    for question in questions:
        name = question.table.name
        try:
            with connection.cursor() as cursor:
                cursor.execute(question.query)
                count = cursor.fetchone()[0]
        except psycopg2.Error as error:
            reason = str(error).strip().partition("\n")[0]
            message = f"and that cannot be asked of production's rows ({reason})"
            faults.append(_broken(name, question.demand, message))
            continue
        if count:
            message = f"and {count} rows of production do not meet it"
            faults.append(_broken(name, question.demand, message, count))
    return faults


def _lost(table: Table, column: Column) -> Fault:
    return Fault(
        table.name,
        f"table {table.name}, column {column.name}: it is in production ({shown(column.type)}), and not in "
        "the schema: its values would be lost",
        "add it to the schema (a renamed column keeps its old name until production is migrated), or drop it "
        "in production, if nobody needs its values",
    )


def _new(table: Table, column: Column) -> Fault:
    return Fault(
        table.name,
        f"table {table.name}, column {column.name}: it is new ({shown(column.type)} NOT NULL, not there in "
        "production) and has no default: rows of production have no value for it",
        "give it a DEFAULT, or let it take NULL",
    )


def _of_column(table: Table, before: Column, after: Column, old: Types, new: Types) -> Iterator[Fault]:
    where = f"table {table.name}, column {before.name}: "
    types = f"{shown(before.type)} in production, {shown(after.type)} in the schema"
    if before.generated != after.generated:
        computed = "the schema" if after.generated else "production"
        said = f"{where}only {computed} computes its values ({types}): they would not be carried as they are"
        yield Fault(table.name, said, _MIGRATE)
    reason = misfit(before.type, after.type, old, new)
    if reason:
        yield Fault(table.name, f"{where}{types}: {reason}", _MIGRATE)


def _broken(table: str, demand: str, message: str, rows: int | None = None) -> Fault:
    return Fault(
        table,
        f"table {table}: the schema demands {demand}, {message}",
        "correct the rows in production, or take it out of the schema",
        rows=rows,
    )


def _questions(before: Table, after: Table) -> Iterator[Question]:
    """Yield what the schema demands of a row and production does not."""
    rows = _rows(before, after)
    for name, column in after.columns.items():
        if column.not_null and name in before.columns and not before.columns[name].not_null:
            null = sql.SQL("{} IS NULL").format(sql.Identifier(name))
            yield Question(before, f"a value of column {name} (NOT NULL)", _count(rows, null))
    known = {one for check, one in before.checks.items() if check not in before.unproven}
    for name, expression in after.checks.items():
        if expression not in known:
            broken = sql.SQL("NOT ({})").format(sql.SQL(expression))
            yield Question(before, f"CHECK {expression} ({name})", _count(rows, broken))
    if after.partitioned and after.partitions != before.partitions:
        taken = sql.SQL(" OR ").join(sql.SQL("({})").format(sql.SQL(one)) for one in after.partitions)
        alone = sql.SQL("({}) IS NOT TRUE").format(taken if after.partitions else sql.SQL("false"))
        yield Question(before, "a partition for each row", _count(rows, alone))
    for name, key in after.keys.items():
        if (key.parts, key.where) not in {(one.parts, one.where) for one in before.keys.values()}:
            yield Question(
                before, f"unique ({', '.join(key.parts)}) ({name})", _doubles(rows, key.parts, key.where)
            )


def _rows(before: Table, after: Table) -> sql.Composable:
    """Return production's rows as the schema would have them: with the columns that are new."""
    added = [
        sql.SQL("({})::{} AS {}").format(
            sql.SQL(column.default if column.default and not column.numbered else "NULL"),
            sql.SQL(column.type),
            sql.Identifier(column.name),
        )
        for column in after.columns.values()
        if column.name not in before.columns
    ]
    # A partitioned table has no rows of its own; a child that inherits is judged by itself.
    of = sql.SQL("{}" if before.partitioned else "ONLY {}").format(before.identifier)
    alias = sql.Identifier(after.relation)
    every = sql.SQL(", ").join([sql.SQL("{}.*").format(alias), *added])
    return sql.SQL("(SELECT {} FROM {} AS {}) AS {}").format(every, of, alias, alias)


def _count(rows: sql.Composable, condition: sql.Composable) -> sql.Composable:
    return sql.SQL("SELECT count(*) FROM {} WHERE {}").format(rows, condition)


def _doubles(rows: sql.Composable, parts: Sequence[str], where: str) -> sql.Composable:
    """Return how many rows of production share a key with another one; NULL is no value to share."""
    keys = [sql.SQL("({})").format(sql.SQL(part)) for part in parts]
    conditions = [sql.SQL("{} IS NOT NULL").format(key) for key in keys]
    if where:
        conditions.append(sql.SQL("({})").format(sql.SQL(where)))
    return sql.SQL(
        "SELECT coalesce(sum(n), 0)::bigint FROM (SELECT count(*) AS n FROM {} WHERE {} GROUP BY {}"
        " HAVING count(*) > 1) AS doubles"
    ).format(rows, sql.SQL(" AND ").join(conditions), sql.SQL(", ").join(keys))
