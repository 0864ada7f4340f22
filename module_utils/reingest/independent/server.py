"""The figures of rows that come from a database, by the server that has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..dataset.model import Column, Table
from ..errors import Refusal
from ..sources.database import read_database, read_database_fields
from ..sources.source import Query, Source
from .figures import ColumnFigures, Figures
from .kinds import TEXT, WHOLE, Kind
from .part import NotFollowedError, named


@dataclass(frozen=True)
class _Dialect:
    """What tells of a value ``{x}`` that it is a text, or a whole number; and the bytes of a text."""

    text: str
    whole: str
    bytes: str


_DIALECTS = {
    "sqlite": _Dialect("typeof({x}) = 'text'", "typeof({x}) = 'integer'", "length(CAST({x} AS BLOB))"),
    "postgresql": _Dialect(
        "pg_typeof({x})::text IN ('text', 'character varying')",
        "pg_typeof({x})::text IN ('smallint', 'integer', 'bigint')",
        "octet_length({x}::text)",
    ),
}
_FIGURES = {
    WHOLE.name: {"sum": "sum({x})", "smallest value": "min({x})", "largest value": "max({x})"},
    TEXT.name: {"bytes": "sum({bytes})"},  # the order of texts is the server's
}
_BACKTICKS = ("mysql", "mariadb")
_OTHER = "its server is asked for whole numbers and texts only"
_UNKNOWN = "of this kind of server only NULLs are asked for"


def check_server(table: Table, files: Sequence[Source]) -> None:
    """Refuse rows that servers cannot be asked about, as far as the table's section of the dataset tells.

    Raises:
        NotFollowedError: says why.
    """
    if table.each or table.where:
        raise NotFollowedError("a server is not asked for what `each:` and `where:` choose")
    if not all(isinstance(file, Query) for file in files):
        raise NotFollowedError("some of its rows come from files, and some from a server")
    if any(column.form for column in table.columns):
        raise NotFollowedError("`decimal:`, `thousands:` and `format:` of columns are not followed")


def server_figures(
    table: Table, files: Sequence[Source], kinds: Mapping[str, Kind], *, left_out: bool = False
) -> Figures:
    """Return the figures of all sources together, as their servers make them.

    Args:
        table: the table.
        files: its sources.
        kinds: what its columns are.
        left_out: whether rows of the sources are not in the table.

    Raises:
        NotFollowedError: a server cannot make them.
    """
    found = [_of_one(table, file, kinds, left_out=left_out) for file in files if isinstance(file, Query)]
    columns = {
        column.name: _together([one.columns[column.name] for one in found]) for column in table.columns
    }
    return Figures(sum(one.rows for one in found), 0, None, columns)


def _of_one(table: Table, source: Query, kinds: Mapping[str, Kind], *, left_out: bool) -> Figures:
    server = source.url.partition("://")[0].partition("+")[0].lower()
    try:
        fields = read_database_fields(source)
        asked = [
            _Asked.of(column, kinds[column.name], fields, server, left_out=left_out)
            for column in table.columns
        ]
        figures = ", ".join(
            f"{sql} AS f{at}_{place}" for at, one in enumerate(asked) for place, sql in enumerate(one.figures)
        )
        rows = f"({source.query.rstrip().rstrip(';')})" if source.query else _table(source.table, server)
        query = f"SELECT count(*) AS n, {figures} FROM {rows} AS source_rows"  # noqa: S608 - names are quoted
        _, record = next(iter(read_database(Query(source.url, "", query))))
    except Refusal as refusal:
        raise NotFollowedError(str(refusal)) from refusal
    if not isinstance(record, dict):
        raise NotFollowedError(record.reason)
    columns = {
        column.name: one.found([record[f"f{at}_{place}"] for place in range(len(one.figures))])
        for at, (column, one) in enumerate(zip(table.columns, asked))
    }
    return Figures(int(record["n"]), 0, None, columns)


@dataclass(frozen=True)
class _Asked:
    """A column: the figures that a server is asked for, their names, and why there are no more."""

    figures: tuple[str, ...]
    names: tuple[str, ...] = ()
    why_not: str = ""

    @staticmethod
    def of(column: Column, kind: Kind, fields: Sequence[str], server: str, *, left_out: bool) -> _Asked:
        """Return what is asked of a column.

        Raises:
            NotFollowedError: a path leads into a value.
        """
        if column.is_rest:
            return _Asked(("count(*)", "count(*)"), (), "the rest of a record: only that it is there")
        if column.is_constant:
            return _Asked(("count(*)", "count(*)"), (), "a value of the dataset's own: only that it is there")
        there = [_named(path, server) for path in column.paths if path in fields]
        if not there:
            raise NotFollowedError(f"a server is not asked for {' or '.join(column.paths)}")
        value = there[0] if len(there) == 1 else f"coalesce({', '.join(there)})"
        dialect = _DIALECTS.get(server)
        if dialect is None:
            return _Asked((f"count({value})",) * 2, (), _UNKNOWN)
        if kind not in (WHOLE, TEXT):
            return _Asked((f"count({value})",) * 2, (), _OTHER)
        fits = dialect.whole if kind is WHOLE else dialect.text
        figures = {
            name: _FIGURES[kind.name][name].replace("{bytes}", dialect.bytes).replace("{x}", value)
            for name in kind.asked(left_out=left_out)
            if name in _FIGURES[kind.name]
        }
        made = f"count(CASE WHEN {fits.replace('{x}', value)} THEN {value} END)"
        return _Asked((f"count({value})", made, *figures.values()), tuple(figures))

    def found(self, answer: Sequence[Any]) -> ColumnFigures:
        """Return what the server answered."""
        values, made, *figures = answer
        told = {name: None if one is None else str(one) for name, one in zip(self.names, figures)}
        return ColumnFigures(int(values), int(made), told, self.why_not)


def _together(found: Sequence[ColumnFigures]) -> ColumnFigures:
    """Return the figures of several sources as of one."""
    figures: dict[str, str | None] = {}
    for name in found[0].figures:
        there = [Decimal(value) for one in found if (value := one.figures[name]) is not None]
        best: Any = {"smallest value": min, "largest value": max}.get(name, sum)
        figures[name] = str(best(there)) if there else None
    why_not = next((one.why_not for one in found if one.why_not), "")
    return ColumnFigures(sum(one.values for one in found), sum(one.made for one in found), figures, why_not)


def _named(name: str, server: str) -> str:
    return "`" + name.replace("`", "``") + "`" if server in _BACKTICKS else named(name)


def _table(name: str, server: str) -> str:
    return ".".join(_named(part, server) for part in name.rpartition(".")[::2] if part)
