"""Whether the dataset and the schema name the same tables and columns."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping

from ..dataset.model import REST, Dataset, Table
from ..dataset.owners import SOURCE
from ..errors import Refusal
from .catalog import JSON, TableShape

_WORD = re.compile(r"(?!(?:null|true|false|yes|no|on|off)$)[A-Za-z_][\w.-]*", re.ASCII | re.IGNORECASE)


def check_table(dataset: Dataset, table: Table, schema: Mapping[str, TableShape]) -> None:
    """Refuse a table that does not fit.

    Args:
        dataset: the dataset.
        table: its table, with all its columns.
        schema: the tables that the schema makes, by name.

    Raises:
        Refusal: with the nearest name.
    """
    if table.name not in schema:
        raise Refusal(
            f"{dataset.file}: tables.{table.name}: the schema {dataset.schema} makes no such table"
            f"{_nearest(table.name, list(schema))}"
        )
    if table.owner == SOURCE and table.sources:
        _check_columns(dataset, table, schema[table.name])


def _check_columns(dataset: Dataset, table: Table, shape: TableShape) -> None:
    where = f"{dataset.file}: tables.{table.name}"
    _refuse_generated(where, table, shape)
    for column in table.columns:
        if column.name not in shape.columns:
            raise Refusal(
                f"{where}: the table has no column {column.name}"
                f"{_nearest(column.name, list(shape.columns))}; "
                f"its columns are {', '.join(shape.columns)}"
            )
        if column.is_rest and shape.columns[column.name].kind != JSON:
            type_ = shape.columns[column.name].type
            raise Refusal(
                f'{where}.columns.{column.name}: "{REST}" needs a column of type jsonb, and it is {type_}'
            )
    given = {column.name for column in table.columns}
    for name, column_shape in shape.columns.items():
        if column_shape.required and name not in given:
            raise Refusal(
                f"{where}: column {name} takes no NULL and has no default: say where its values come from"
            )
    if table.duplicates == "drop" and not set(shape.primary_key) & given:
        raise Refusal(
            f"{where}.duplicates: the table has no primary key that the sources fill: nothing is a duplicate"
        )
    if table.duplicates == "drop" and shape.partitioned:
        raise Refusal(
            f"{where}.duplicates: the keys of a partitioned table stay on while it is filled: remove it"
        )


def _refuse_generated(where: str, table: Table, shape: TableShape) -> None:
    computed = {name for name, column in shape.columns.items() if column.generated}
    given = [column.name for column in table.columns if column.name in computed]
    if given:
        left = ", ".join(
            f"{_yaml(column.name)}: "
            + (f"{{value: {json.dumps(column.value)}}}" if column.is_constant else _yaml(column.paths[0]))
            for column in table.columns
            if column.name not in computed
        )
        raise Refusal(
            f"{where}: column {', '.join(given)} is generated, PostgreSQL computes it: leave it out, with "
            f"`columns: {{{left}}}`"
        )


def _yaml(text: str) -> str:
    """Return a text as YAML has it between braces."""
    return text if _WORD.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _nearest(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f" (did you mean {near[0]}?)" if near else ""
