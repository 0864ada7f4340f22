"""The rows of a table read back and compared with what was sent, by processes of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial

from ..errors import Refusal
from ..postgres.dsn import connect
from .content_sum import ContentSum, Form, table_sum
from .rows import Feed
from .script import refused
from .workers import Job, Worker


class OtherwiseError(Exception):
    """A table has another content than was sent; ``told`` where its form was told by the first rows."""

    def __init__(self, refusal: Refusal, *, told: bool) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal
        self.told = told


class ReadBack:
    """Reads a table that is committed back, while something else is done with it that changes no row."""

    def __init__(self, dsn: str, feed: Feed, form: Form, sent: ContentSum | None, processes: int) -> None:
        """``sent`` is the sum of the rows that were sent; None where nothing is to be proven."""
        self._dsn = dsn
        self._feed = feed
        self._form = form
        self._sent = sent
        self._processes = processes
        self._workers: list[Worker] = []

    @contextmanager
    def started(self, *, closed: Sequence[int]) -> Iterator[None]:
        """Read as long as this lasts; ``closed`` are descriptors that the processes must not keep open."""
        name = self._feed.table.name
        try:
            for part in range(self._processes if self._sent else 0):
                job = Job(f"table {name}, read back {part + 1}", 0, partial(self._sum, part))
                others = [worker.descriptor for worker in self._workers]
                self._workers.append(Worker(job, [*closed, *others]))
            yield
        finally:
            for worker in self._workers:
                worker.kill()

    def prove(self) -> None:
        """Wait for the sum, and compare it; once.

        Raises:
            OtherwiseError: it is not that of the rows that were sent.
            Refusal: the table cannot be read.
        """
        found = ContentSum()
        while self._workers:
            found += ContentSum(*self._workers.pop().result())
        if self._sent is None:
            return
        sent, self._sent = self._sent, None
        try:
            compare(self._feed, sent, found)
        except Refusal as refusal:
            raise OtherwiseError(refusal, told=self._form.told) from None

    def _sum(self, part: int) -> list[int]:
        with (
            refused(f"table {self._feed.table.name}"),
            closing(connect(self._dsn, autocommit=True)) as connection,
        ):
            found = table_sum(connection, self._feed, self._form, part, self._processes)
        return [found.rows, found.total]


def compare(feed: Feed, sent: ContentSum | None, found: ContentSum) -> None:
    """Compare what was sent with what is there.

    Raises:
        Refusal: they differ.
    """
    if sent == found:
        return
    rows = f"{sent.rows} rows were sent and {found.rows} are there" if sent else "a value was not cast alike"
    raise Refusal(
        f"table {feed.table.name}: its content is not what was sent ({rows}): does a trigger or a rule "
        "change rows? Take it off for the load, or load with `prove: counts`"
    )
