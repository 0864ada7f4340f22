"""The proof by another reader: what DuckDB, or the server that rows come from, finds in the sources.

It is made when all rows are accounted for and before any transform changes them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ..disclosure.printable import printable
from ..errors import Refusal
from ..independent.compare import Compared, compare
from ..independent.doubts import Doubt
from ..independent.engine import duckdb
from ..independent.figures import Figures, from_plain, plain
from ..independent.kinds import PRESENT, Kind
from ..independent.part import NotFollowedError
from ..independent.reading import FIGURES, NOT_FOLLOWED, UNREADABLE, doubts_of_all, read_all
from ..independent.scan import read_kinds, scan_figures
from ..independent.server import check_server
from ..independent.sources import Asked, check_followed
from ..postgres.dsn import connect, database_of
from ..postgres.session import pinned_reading
from ..sources.registry import SQL
from .account import Account
from .fill import CONTENT
from .rows import Feed
from .script import refused
from .workers import Job, run_parallel

INDEPENDENT = "independent"
_READER = "DuckDB"


def filled_by(prove: str) -> str:
    """Return how tables are proven as they are filled: by their content, where another reader follows."""
    return CONTENT if prove == INDEPENDENT else prove


def check_reader(prove: str) -> None:
    """Refuse a proof by a reader that is not there.

    Raises:
        Refusal: names the package to install on the worker.
    """
    if prove == INDEPENDENT:
        duckdb()


@dataclass(frozen=True)
class OtherReading:
    """What another reader says of the tables.

    Args:
        compared: by table, of those whose sources it can follow.
        not_followed: by table, why it cannot follow its sources.
    """

    compared: Mapping[str, Compared] = field(default_factory=dict)
    not_followed: Mapping[str, str] = field(default_factory=dict)

    def shown(self) -> dict[str, Any]:
        """Return it as a result has it."""
        told: dict[str, Any] = {
            name: {"compared": True, "left_out": one.within, "not_compared": dict(one.not_compared)}
            for name, one in self.compared.items()
        }
        for name, reason in self.not_followed.items():
            told[name] = {"compared": False, "reason": printable(reason)}
        return dict(sorted(told.items()))

    def did(self) -> list[str]:
        """Return what was compared and what was not, a sentence for each table of which not all was."""
        tables = "table" if len(self.compared) == 1 else "tables"
        found = [
            f"find in {len(self.compared)} {tables} what another reader ({_READER}) finds in the sources"
        ]
        for name, one in sorted(self.compared.items()):
            if one.within:
                found.append(f"compare {name} within the {one.within} rows that were left out")
            if one.not_compared:
                columns = "; ".join(f"{column} ({why})" for column, why in one.not_compared.items())
                found.append(f"count only the NULLs of {name}: {columns}")
        for name, reason in sorted(self.not_followed.items()):
            found.append(f"do not compare {name} with another reader: {reason}")
        return found


def prove_by_another_reader(
    dsn: str,
    feeds: Sequence[Feed],
    accounts: Mapping[str, Account],
    *,
    processes: int,
    folder: Path | None,
    closed: Sequence[int] = (),
) -> OtherReading:
    """Compare what is in the tables with what another reader finds in their sources.

    Args:
        dsn: the database; no transform has run.
        feeds: the tables and their sources.
        accounts: what became of their rows.
        processes: how many cores may be used.
        folder: where a folder for the reader is made; None: where this machine has its temporary files.
        closed: descriptors that its process must not keep open.

    Raises:
        Refusal: with all tables and columns that differ, or the library is not there.
    """
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="reader-", dir=folder)))
        asking = _Asking(dsn, scratch, processes, closed)
        return asking.compared(feeds, accounts)


class _Asking:
    """One comparison."""

    def __init__(self, dsn: str, scratch: Path, processes: int, closed: Sequence[int]) -> None:
        self._dsn, self._scratch, self._processes, self._closed = dsn, scratch, processes, closed
        self._not_followed: dict[str, str] = {}
        self._unreadable: dict[str, str] = {}

    def compared(self, feeds: Sequence[Feed], accounts: Mapping[str, Account]) -> OtherReading:
        """Return what came of it.

        Raises:
            Refusal: with all that differs.
        """
        asked, zone = self._asked(feeds, accounts)
        sources = self._sources(asked, zone)
        followed = [one for one in asked if one.table.name in sources]
        shapes = {feed.table.name: feed.shape.own for feed in feeds}
        tables = self._tables(followed, sources, shapes)
        compared = partial(self._compare, tables, sources)
        found = compared(followed, {})
        differing = [
            one
            for one in followed
            if one.table.reading.format != SQL and one.table.name in found and found[one.table.name].differs
        ]
        if differing:
            modes = {name: one.mode for name, one in sources.items()}
            again = compared(differing, self._doubts(differing, zone, modes))
            gone = {one.table.name for one in differing}
            found = {**{name: one for name, one in found.items() if name not in gone}, **again}
        _refuse(found, self._unreadable)
        return OtherReading(found, self._not_followed)

    def _asked(self, feeds: Sequence[Feed], accounts: Mapping[str, Account]) -> tuple[list[Asked], str]:
        """Return what is asked of the reader, and the time zone in which the load's sessions read times."""
        asked = []
        with refused("another reader"), closing(connect(self._dsn, autocommit=True)) as connection:
            with connection.cursor() as cursor:
                cursor.execute("SHOW TimeZone")
                zone = cursor.fetchone()[0]
            for feed in feeds:
                try:
                    (check_server if _of_server(feed) else check_followed)(feed.table, feed.files)
                except NotFollowedError as reason:
                    self._not_followed[feed.table.name] = str(reason)
                    continue
                kinds = read_kinds(connection, feed.shape.identifier)
                account = accounts[feed.table.name]
                left_out, lenient = account.left_out - account.filtered, account.rejected > 0
                asked.append(Asked(feed.table, feed.files, kinds, left_out, lenient))
        return asked, zone

    def _sources(self, asked: Sequence[Asked], zone: str) -> dict[str, Figures]:
        if not asked:
            return {}
        answers = self._in_a_process("read", partial(read_all, asked, self._scratch, self._processes, zone))
        self._not_followed.update(answers[NOT_FOLLOWED])
        self._unreadable.update(answers[UNREADABLE])
        return {name: from_plain(figures) for name, figures in answers[FIGURES].items()}

    def _tables(
        self, asked: Sequence[Asked], sources: Mapping[str, Figures], shapes: Mapping[str, Any]
    ) -> dict[str, Figures]:
        jobs = []
        for one in asked:
            name = one.table.name
            kinds = {
                column: one.kinds[column] if found.figures else PRESENT
                for column, found in sources[name].columns.items()
            }
            call = partial(_scan, self._dsn, shapes[name], kinds, one.left_out > 0, self._processes - 1)
            jobs.append(Job(name, sources[name].rows, call))
        found = run_parallel(jobs, self._processes, closed=self._closed)
        return {name: from_plain(figures) for name, figures in found.items()}

    def _compare(
        self,
        tables: Mapping[str, Figures],
        sources: Mapping[str, Figures],
        asked: Sequence[Asked],
        doubts: Mapping[str, Mapping[str, Doubt]],
    ) -> dict[str, Compared]:
        """Return what came of the tables that could be compared."""
        found = {}
        for one in asked:
            name = one.table.name
            try:
                found[name] = compare(
                    tables[name], sources[name], one.kinds, one.left_out, doubts.get(name, {})
                )
            except NotFollowedError as reason:
                self._not_followed[name] = str(reason)
        return found

    def _doubts(
        self, asked: Sequence[Asked], zone: str, modes: Mapping[str, str]
    ) -> dict[str, dict[str, Doubt]]:
        call = partial(doubts_of_all, asked, self._scratch, self._processes, zone, modes)
        found = self._in_a_process("doubts", call)
        return {
            table: {column: Doubt(*doubt) for column, doubt in columns.items()}
            for table, columns in found.items()
        }

    def _in_a_process(self, name: str, call: Any) -> Any:  # noqa: ANN401 - what JSON holds
        """Return what a process of its own found, so that the memory it takes is given back."""
        job = Job(f"{_READER}: {name}", 0, call)
        return run_parallel([job], 1, closed=self._closed)[job.name]


def _of_server(feed: Feed) -> bool:
    return feed.table.reading.format == SQL


def _scan(dsn: str, table: Any, kinds: Mapping[str, Kind], left_out: bool, workers: int) -> dict[str, Any]:  # noqa: ANN401 - psycopg2's
    with refused("another reader"), pinned_reading(dsn, database_of(dsn)) as connection:
        return plain(scan_figures(connection, table, kinds, left_out=left_out, workers=workers))


def _refuse(found: Mapping[str, Compared], unreadable: Mapping[str, str]) -> None:
    """Refuse what differs.

    Raises:
        Refusal: with all of it, as far as a person reads it.
    """
    told = [f"table {name}: {_READER} says: {text}" for name, text in unreadable.items()]
    for name, one in found.items():
        for column, what in one.differs.items():
            told.append(f"table {name}{f', column {column}' if column else ''}: {what}")
    if not told:
        return
    more = f"; and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    raise Refusal(
        f"another reader ({_READER}) does not find in the tables what is in their sources: "
        f"{'; '.join(sorted(told)[:_SHOWN])}{more}. Correct the sources, or how the dataset says that they "
        "are written (null, escape, quote, encoding); where the other reader is wrong, load with "
        "`prove: content`, which keeps these tables"
    )


_SHOWN = 20  # differences in a message
