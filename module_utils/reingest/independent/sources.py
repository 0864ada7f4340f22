"""The figures of a table's sources, by DuckDB, in the process that calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..dataset.model import Table
from ..sources.content import suffix
from ..sources.reader import read_fields
from ..sources.reading import REJECT
from ..sources.source import Source
from .delimited import delimited_part
from .doubts import Doubt, doubts_statement, escapes
from .engine import Engine, UnreadableError
from .figures import ColumnFigures, Figures
from .json_lines import json_part
from .kinds import INSTANT, PRESENT, Kind
from .parquet import parquet_part
from .part import LOOSE, PASSING, STRICT, NotFollowedError, Opened, Part
from .statement import statement

_PACKINGS = {".gz": "gzip", ".zst": "zstd"}
_DELIMITED = ("csv", "tsv")
_FORMATS = (*_DELIMITED, "jsonl", "parquet")


@dataclass(frozen=True)
class Asked:
    """A table whose sources are read.

    Args:
        table: the table, with all its columns.
        files: its sources, in order.
        kinds: what its columns are.
        left_out: how many of their rows are not in the table.
        rejected: some of them were set aside.
    """

    table: Table
    files: tuple[Source, ...]
    kinds: Mapping[str, Kind]
    left_out: int = 0
    rejected: bool = False


def check_followed(table: Table, files: Sequence[Source]) -> None:
    """Refuse a table that DuckDB cannot follow, as far as its section of the dataset tells.

    Raises:
        NotFollowedError: says why.
    """
    if table.reading.format not in _FORMATS:
        raise NotFollowedError(f"DuckDB does not read {table.reading.format}")
    if table.each and table.reading.format != "jsonl":
        raise NotFollowedError("`each:` makes rows of parts of a record, and is followed in JSON lines only")
    if any(column.form for column in table.columns):
        raise NotFollowedError("`decimal:`, `thousands:` and `format:` of columns are not followed")
    if not table.reading.dialect.is_csv or table.reading.nan != REJECT:
        raise NotFollowedError("what is declared of its files is no CSV, or no JSON, to DuckDB")
    for file in files:
        if not isinstance(file, Path):
            raise NotFollowedError(f"{file} would have to be fetched once more")


class SourceReader:
    """Reads sources of tables by one engine; ``scratch`` is a folder of its own."""

    def __init__(self, asked: Sequence[Asked], scratch: Path, *, threads: int, zone: str) -> None:
        """Open the engine for the files of these tables."""
        self._links: dict[Path, Path] = {}
        for one in asked:
            for file in one.files:
                if isinstance(file, Path) and file not in self._links:
                    link = scratch / f"source{len(self._links)}"
                    link.symlink_to(file.resolve())
                    self._links[file] = link
        self._scratch, self._threads, self._zone = scratch, threads, zone
        self._engine = self._opened()

    def _opened(self) -> Engine:
        allowed = [*self._links.values(), *sorted({file.resolve() for file in self._links})]
        return Engine(allowed, self._scratch, threads=self._threads, zone=self._zone)

    def read(self, asked: Asked) -> Figures:
        """Return the figures of a table's sources.

        Raises:
            UnreadableError: DuckDB finds that a source is not as it is declared.
            NotFollowedError: it cannot follow what is declared.
        """
        first = ""
        for mode in _modes(asked):
            found = self._tried(asked, mode, again=bool(first))
            if isinstance(found, Figures):
                return found
            first = first or found
        if asked.rejected or escapes(asked.table) or _encoded(asked.table):
            raise NotFollowedError(f"DuckDB cannot read it: {first}")
        raise UnreadableError(first)

    def _tried(self, asked: Asked, mode: str, *, again: bool) -> Figures | str:
        """Return the figures, or what DuckDB says is not as it is declared."""
        try:
            return self._figures(asked, mode)
        except UnreadableError as error:
            return self._with_names(str(error))
        except NotFollowedError as error:
            self._engine.close()  # one that ran out of memory may answer nothing any more
            self._engine = self._opened()
            if again:  # the first one tells more
                return self._with_names(str(error))
            raise NotFollowedError(self._with_names(str(error))) from error

    def doubts(self, asked: Asked, mode: str) -> dict[str, Doubt]:
        """Return what is doubtful of the columns of a table that differs; ``mode`` is that of its figures.

        Raises:
            UnreadableError, NotFollowedError: as ``read``.
        """
        parts = self._parts(asked, mode, typed=True)
        query, reasons = doubts_statement(asked.table, asked.kinds, parts)
        row = self._engine.row(query) or ()
        names = [column.name for column in asked.table.columns]
        return {
            name: Doubt(row[2 * at], row[2 * at + 1], reason, escapes(asked.table))
            for at, (name, reason) in enumerate(zip(names, reasons))
        }

    def _with_names(self, text: str) -> str:
        """Return what DuckDB says with the names of sources instead of those of links."""
        for file, link in reversed(self._links.items()):
            text = text.replace(str(link), file.name)
        return text

    def _figures(self, asked: Asked, mode: str) -> Figures:
        parts = self._parts(asked, mode)
        left_out = asked.left_out > 0
        asking = statement(asked.table, self._kinds(asked), parts, left_out=left_out)
        row = self._engine.row(asking.sql)
        if row is None:
            raise NotFollowedError("DuckDB gives no figures")
        rows, perhaps, whole, *columns = row
        return Figures(
            rows,
            perhaps,
            whole,
            {
                name: ColumnFigures.found(followed.kind.asked(left_out=left_out), found, followed.why_not)
                for (name, followed), found in zip(asking.columns.items(), columns)
            },
            mode,
        )

    def _kinds(self, asked: Asked) -> Mapping[str, Kind]:
        """Return what columns are; times without a zone are none in a zone that DuckDB does not know."""
        if self._engine.zone:
            return asked.kinds
        return {name: PRESENT if kind is INSTANT else kind for name, kind in asked.kinds.items()}

    def _parts(self, asked: Asked, mode: str, *, typed: bool = False) -> list[Part]:
        return [self._part(asked, file, mode, typed=typed) for file in asked.files]

    def _part(self, asked: Asked, file: Source, mode: str, *, typed: bool) -> Part:
        table = asked.table
        if not isinstance(file, Path):
            raise NotFollowedError(f"{file} would have to be fetched once more")
        delimited = table.reading.format in _DELIMITED
        fields = (read_fields(table.reading, file) or ()) if delimited else ()
        opened = Opened(self._links[file], _PACKINGS.get(suffix(file), "uncompressed"), fields, mode)
        if table.reading.format == "jsonl":
            return json_part(table, opened, typed=typed)
        if table.reading.format == "parquet":
            return parquet_part(table, opened, self._engine.types)
        part = delimited_part(table, opened)
        self._check_head(file, part)
        return part

    def _check_head(self, file: Path, part: Part) -> None:
        if part.head is None:
            return
        query, expected = part.head
        found = self._engine.row(query)
        if found != expected:
            raise UnreadableError(
                f"the header of {file.name} is {found} to DuckDB, and was read as {expected}"
            )


def _modes(asked: Asked) -> list[str]:
    """Return how sources are read, each way where the one before finds that they are not as declared."""
    delimited = asked.table.reading.format in _DELIMITED
    loose = delimited and not escapes(asked.table) and not _encoded(asked.table)
    passing = asked.rejected and (delimited or asked.table.reading.format == "jsonl")
    return [STRICT, *([LOOSE] if loose else []), *([PASSING] if passing else [])]


def _encoded(table: Table) -> bool:
    """Return whether the text is in an encoding of which DuckDB knows only one form."""
    return table.reading.encoding.lower().replace("_", "-").startswith("utf-16")
