"""How the dataset names a table."""

from __future__ import annotations


def table_name(schema: str, relation: str) -> str:
    """Return a table's name as the dataset has it: bare in `public`, with its schema elsewhere."""
    return relation if schema == "public" else f"{schema}.{relation}"
