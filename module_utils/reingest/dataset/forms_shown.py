"""What a dataset declares of forms that are none of CSV, JSON or PostgreSQL, as plans and reports tell it."""

from __future__ import annotations

from ..sources.reading import REJECT
from .model import Table


def shown_forms(table: Table) -> str:
    """Return what is declared of a table's files and columns, in brackets; empty where nothing is."""
    dialect = table.reading.dialect
    told = [
        f"{key}: {value}"
        for key, value in (("narrow", dialect.narrow), ("wide", dialect.wide))
        if value != REJECT
    ]
    told += ["trailing_delimiter: true"] if dialect.trailing else []
    told += ["blanks: skip"] if dialect.blanks else []
    told += [f"header_names: {dialect.header_names}"] if dialect.header_names else []
    told += [f"delimiter: {dialect.delimiter!r}"] if len(dialect.delimiter) > 1 else []
    told += ["nan: null"] if table.reading.nan != REJECT else []
    told += [f"{column.name}: {column.form}" for column in table.columns if column.form]
    told += [f"{column.name}: value {column.value!r}" for column in table.columns if column.is_constant]
    return f" ({'; '.join(told)})" if told else ""
