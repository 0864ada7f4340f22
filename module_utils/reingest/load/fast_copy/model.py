"""What the fast copies to copy a table have in common: regular sources, many rows at once, no places told.

A fast copy proves of every block that it means the same to the server as it does to the readers of
``sources``. Where it cannot, or the server refuses a row, the table is filled again row by row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from psycopg2 import sql

from ...sources.source import Source
from ..content_sum import ContentSum, Form
from ..rows import Feed


@dataclass(frozen=True)
class Summing:
    """Whether and how what is sent is summed up.

    Args:
        dsn: the database that values are asked of; empty where no sums are made.
        strict: every value is brought into the server's form, whatever the first rows look like.
    """

    dsn: str = ""
    strict: bool = False


class Sent(NamedTuple):
    """Whole rows as COPY reads them, and how many."""

    data: bytes
    rows: int


class FastCopy(Protocol):
    """A fast copy for one table; each process makes its own."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The table's columns, in the order in which their values are sent."""

    @property
    def options(self) -> sql.Composable:
        """The options of COPY for what is sent."""

    @property
    def unmet(self) -> frozenset[str]:
        """What has a path that no record had so far, and must have."""

    @property
    def filtered(self) -> int:
        """How many rows were read and are not the table's, by its `where:`."""

    @property
    def content(self) -> ContentSum | None:
        """The sum of the rows sent so far; None where this way makes none."""

    @property
    def form(self) -> Form:
        """How the server gives rows back as they were summed up."""

    def sent(self, files: Sequence[Source]) -> Iterator[Sent]:
        """Yield all that is sent for these files, or for a share of them, in one COPY.

        Raises:
            IrregularError: they have to be read row by row.
            Refusal: one cannot be read on.
        """

    def shares(self, streams: int) -> list[tuple[Source, ...]] | None:
        """Return the parts of the files that streams read themselves; None where records are handed over."""

    def handed(self) -> Iterator[Sent]:
        """Yield whole records of the table's files to be handed to streams.

        Their number may be 0 where ``received`` counts them.
        """

    def received(self, pipe: Source) -> Iterator[Sent]:
        """Yield what is sent for records that were handed over."""


def single_paths(feed: Feed) -> Mapping[str, str] | None:
    """Return the path of each column where every column has just one, and no two the same; else None."""
    table = feed.table
    if (
        table.each
        or table.where
        or not table.columns
        or any(len(column.paths) != 1 or column.form for column in table.columns)
    ):
        return None
    paths = {column.name: column.paths[0] for column in table.columns}
    return paths if len(set(paths.values())) == len(paths) else None
