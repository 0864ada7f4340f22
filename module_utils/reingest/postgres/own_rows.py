"""A table in a statement about its own rows, whatever inherits from it."""

from __future__ import annotations

from psycopg2 import sql


def own_rows(schema: str, relation: str, *, partitioned: bool) -> sql.Composable:
    """Return the table as a statement names it that is not about its inheritance children.

    Args:
        schema: its schema.
        relation: its name.
        partitioned: whether its rows lie in its partitions, which it stands for.
    """
    only = sql.SQL("" if partitioned else "ONLY ")
    return only + sql.Identifier(schema, relation)
