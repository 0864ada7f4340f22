"""The way when rows are bad: small COPYs, each by itself and with keys on, so that each bad row is found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg2
from psycopg2 import sql

from ..postgres.dsn import Connection
from .canonical import Canonical
from .content_sum import ContentSum
from .copy_rows import blamed, copy_rows, place_in_copy, row_statement
from .meter import StreamMeter
from .rejects import RejectLog
from .rows import Batch, Feed, Row, RowReader, encoded
from .script import blames_row

_FEWEST, _MOST = 64, 4096  # rows of one COPY: few where many are bad, many where few are


@dataclass
class Taken:
    """What came of the rows: read, filtered, dropped as repetitions, and the sum of those in the table."""

    read: int = 0
    filtered: int = 0
    duplicates: int = 0
    content: ContentSum | None = None


def copy_carefully(
    connection: Connection,
    feed: Feed,
    log: RejectLog,
    canonical: Canonical | None,
    meter: StreamMeter | None = None,
) -> Taken:
    """Copy the good rows and set the bad ones aside.

    Expects a connection in autocommit (savepoints would each keep a lock to the end of their transaction, and
    many bad rows use up the server's), and the table empty, with its keys. The first row of a key stays. A
    later one that is word for word the same counts as a duplicate where the dataset declares them, any other
    is bad.

    Raises:
        Refusal: more are bad than the budget allows, or a source is not as declared.
    """
    run = _Run(connection, feed, log, canonical)
    reader = RowReader(feed, log.add, meter)
    log.follow(lambda: reader.read)
    size = _MOST
    for batch in reader.batches():
        at = 0
        while at < len(batch.rows):
            bad = run.take(batch.rows[at : at + size])
            at += size
            size = max(_FEWEST, size // 2) if bad else min(_MOST, size * 2)
    run.taken.read, run.taken.filtered = reader.read, reader.filtered
    return run.taken


class _Run:
    def __init__(
        self, connection: Connection, feed: Feed, log: RejectLog, canonical: Canonical | None
    ) -> None:
        self.taken = Taken(content=ContentSum() if canonical else None)
        self._connection = connection
        self._feed = feed
        self._log = log
        self._canonical = canonical
        self._statement = row_statement(connection, feed)

    def take(self, rows: Sequence[Row]) -> bool:
        """Copy the rows but the bad ones, and return whether there were any."""
        bad = False
        with self._connection.cursor() as cursor:
            while rows:
                data = encoded(rows)
                try:
                    copy_rows(cursor, self._statement, data)
                except psycopg2.Error as error:
                    if not blames_row(error):
                        raise
                    bad = True
                    rows = self._without_bad(rows, error)
                else:
                    if self._canonical and self.taken.content:
                        self.taken.content.add(self._canonical.lines(Batch(list(rows), data)))
                    break
        return bad

    def _without_bad(self, rows: Sequence[Row], error: psycopg2.Error) -> Sequence[Row]:
        """Settle the rows up to the bad one, and return those behind it."""
        place = place_in_copy(error)
        if len(rows) > 1 and (place is None or place[0] > len(rows)):  # it is not told which: halves find it
            self.take(rows[: len(rows) // 2])
            return rows[len(rows) // 2 :]
        number, column = (1, "") if place is None or len(rows) == 1 else place
        self.take(rows[: number - 1])
        row = rows[number - 1]
        if isinstance(error, psycopg2.errors.UniqueViolation) and self._repeats(row):
            self.taken.duplicates += 1
        else:
            self._log.add(blamed(self._feed, row, column, error))
        return rows[number:]

    def _repeats(self, row: Row) -> bool:
        """Return whether the dataset drops repetitions, and the table has the same row already."""
        feed, key = self._feed, self._feed.shape.primary_key
        loaded = [column.name for column in feed.table.columns]
        if feed.table.duplicates != "drop" or not set(key) <= set(loaded):
            return False
        names = {
            "table": feed.shape.own,
            "columns": sql.SQL(", ").join(map(sql.Identifier, loaded)),
            "key": sql.SQL(" AND ").join(
                sql.SQL("t.{0} = r.{0}").format(sql.Identifier(name)) for name in key
            ),
            "row": sql.SQL(", ").join(sql.Identifier("t", name) for name in loaded),
            "again": sql.SQL(", ").join(sql.Identifier("r", name) for name in loaded),
        }
        with self._connection.cursor() as cursor:
            create = (
                "CREATE TEMPORARY TABLE IF NOT EXISTS repetition AS"
                " SELECT {columns} FROM {table} WITH NO DATA"
            )
            cursor.execute("SET client_min_messages = warning")  # that it exists is no news
            cursor.execute(sql.SQL(create).format(**names))
            cursor.execute("TRUNCATE repetition")
            copy_rows(cursor, "COPY repetition FROM STDIN WITH (FORMAT text)", encoded([row]))
            same = (
                "SELECT EXISTS (SELECT FROM {table} t JOIN repetition r ON {key}"
                " WHERE ROW({row})::text = ROW({again})::text)"
            )
            cursor.execute(sql.SQL(same).format(**names))
            return bool(cursor.fetchone()[0])
