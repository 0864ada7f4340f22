"""Orphans that are set aside: found again in the sources, by their content, to tell their places."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace

from ..errors import Refusal
from ..postgres.dsn import connect
from .canonical import Canonical, line_hash, loaded_types
from .references import Orphan
from .rejects import Reject, RejectLog, RejectPolicy
from .rows import Feed, Row, RowReader
from .script import refused


def trace_orphans(
    dsn: str, feed: Feed, orphans: Mapping[int, Orphan], policy: RejectPolicy, rejected: int, read: int
) -> int:
    """Write the orphans of one table behind its other rejects, and return how many they are.

    Args:
        dsn: the database.
        feed: the table and its sources, which are read once more.
        orphans: what was taken out, by the hash of its line.
        policy: where rejects go.
        rejected: how many rows of the table are set aside already.
        read: how many were read and not filtered.

    Raises:
        Refusal: there are more than the budget allows, or one is not in the sources.
    """
    log = RejectLog(policy, feed.table, append=True, count=rejected)
    log.follow(lambda: read)
    left = dict(orphans)
    reader = RowReader(feed, lambda _: None)
    with (
        refused(f"table {feed.table.name}"),
        closing(connect(dsn, autocommit=True)) as connection,
        closing(log),
    ):
        canonical = Canonical(connection, loaded_types(feed), lenient=True)
        for batch in reader.batches():
            for row, line in zip(batch.rows, canonical.lines(batch)):
                key = line_hash(line)
                orphan = left.get(key)
                if orphan is None:
                    continue
                log.set_aside(_rejected(feed, row, orphan))
                if orphan.times > 1:
                    left[key] = replace(orphan, times=orphan.times - 1)
                else:
                    del left[key]
            if not left:
                break
        if left:
            raise Refusal(
                f"table {feed.table.name}: {len(left)} dangling rows are not in the sources any more: were "
                "they changed while they were read? Run again"
            )
        log.check(read)
    return log.count - rejected


def _rejected(feed: Feed, row: Row, orphan: Orphan) -> Reject:
    values = {column.name: row.value(at) for at, column in enumerate(feed.table.columns)}
    given = [values[name] for name in orphan.columns if name in values]
    reason = f"names a row of {orphan.parent} that does not exist"
    return Reject(
        row.source, row.line, ", ".join(orphan.columns), given[0] if len(given) == 1 else given, reason
    )
