"""The figures of a table against those of its sources: what differs, and what was not compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .doubts import Doubt
from .figures import ColumnFigures, Figures, Number, comparable
from .kinds import COUNT, LEAST, SUM, Kind
from .part import PASSING, NotFollowedError

_SHOWN = 40  # characters of a text in a message


@dataclass(frozen=True)
class Compared:
    """What came of a table.

    Args:
        differs: by column what differs, as a person reads it; the column is empty where rows do.
        not_compared: by column, of what no more was compared than how many are not NULL, and why.
        within: how many rows were left out of the table, within which the figures agree; 0: they are equal.
    """

    differs: Mapping[str, str]
    not_compared: Mapping[str, str]
    within: int = 0


def compare(
    table: Figures, sources: Figures, kinds: Mapping[str, Kind], left_out: int, doubts: Mapping[str, Doubt]
) -> Compared:
    """Compare the figures of a table with those of its sources.

    Args:
        table: of the table, by PostgreSQL; its columns have the figures of the sources' kinds.
        sources: of the sources, by another reader.
        kinds: what the table's columns are.
        left_out: how many of the sources' rows are not in the table, as the load has accounted for.
        doubts: what is known of columns that differed at first.

    Raises:
        NotFollowedError: records were read otherwise by right, so that nothing can be compared.
    """
    within = left_out + sources.perhaps
    differs: dict[str, str] = {}
    if not 0 <= sources.rows - table.rows <= within:
        _check_followed(sources, doubts)
        differs[""] = _rows_differ(table.rows, sources.rows, left_out)
    not_compared = {}
    for name, found in sources.columns.items():
        one = _Column(name, table.columns[name], found, kinds[name], within, doubts.get(name))
        if why_not := one.why_not():
            not_compared[name] = why_not
        if told := one.differs():
            differs[name] = told
    if (
        not differs
        and not within
        and not _partly(sources)
        and not not_compared
        and sources.whole is not None
        and table.whole != sources.whole
    ):
        differs[""] = "values stand in other rows than in the sources: each column has the same values"
    return Compared(differs, not_compared, within)


def _check_followed(sources: Figures, doubts: Mapping[str, Doubt]) -> None:
    """Refuse rows that differ because one record is not where the other reader sees one."""
    if sources.mode == PASSING:
        raise NotFollowedError("DuckDB passes over other records than those that were set aside")
    for doubt in doubts.values():
        if doubt.values and doubt.of_records:
            raise NotFollowedError(f"{doubt.values} values {doubt.reason}")


def _partly(sources: Figures) -> bool:
    return any(column.made != column.values for column in sources.columns.values())


def _rows_differ(table: int, sources: int, left_out: int) -> str:
    without = f", {left_out} of them left out" if left_out else ""
    return f"{sources} rows are in the sources{without}, and {table} in the table"


@dataclass(frozen=True)
class _Column:
    name: str
    table: ColumnFigures
    sources: ColumnFigures
    kind: Kind
    within: int
    doubt: Doubt | None = None

    def why_not(self) -> str:
        """Return why only NULLs are compared; empty where all is."""
        if self.sources.why_not:
            return self.sources.why_not
        missing = self.sources.values - self.sources.made
        if missing:
            return f"{missing} values are no {self.kind.name} to DuckDB"
        if self.doubt is not None and self.doubt.values:
            return f"{self.doubt.values} values {self.doubt.reason}"
        return ""

    def differs(self) -> str:
        """Return what differs; empty where nothing does."""
        nulls = self.doubt.nulls if self.doubt is not None else 0
        table, sources = self.table.values, self.sources.values
        if not sources - nulls - self.within <= table <= sources:
            return f"{sources} values are not NULL in the sources, {table} in the table"
        if self.why_not():
            return ""
        for name in self.sources.figures:
            figure = self.kind.figures.get(name) or self.kind.ends[name]
            own = comparable(self.kind, figure.how, self.table.figures[name])
            theirs = comparable(self.kind, figure.how, self.sources.figures[name])
            if not _agree(figure.how, own, theirs, within=bool(self.within)):
                shown = _shown(self.sources.figures[name]), _shown(self.table.figures[name])
                return f"{name}: {shown[0]} in the sources, {shown[1]} in the table"
        return ""


def _agree(how: str, own: bytes | Number | None, theirs: bytes | Number | None, *, within: bool) -> bool:
    if own is None or theirs is None:
        return own is theirs or (within and own is None)
    if not within:
        return own == theirs or (own != own and theirs != theirs)  # NaN
    if how == SUM:
        return True
    if how == COUNT:
        return theirs >= own  # type: ignore[operator]
    return theirs <= own if how == LEAST else theirs >= own  # type: ignore[operator]


def _shown(text: str | None) -> str:
    if text is None:
        return "none"
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
