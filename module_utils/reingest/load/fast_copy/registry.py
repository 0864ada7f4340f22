"""The fast copies: each is one entry here, and one file beside this one."""

from __future__ import annotations

from ..rows import Feed
from .model import FastCopy, Summing
from .row_by_row import copy_made_rows


def fast_copy_of(feed: Feed, summing: Summing, *, streams: int, quoted_null: bool = False) -> FastCopy | None:
    """Return the fastest copy that there is for a table, by the format of its sources; None: there is none.

    Args:
        feed: the table and its sources.
        summing: how what is sent is summed up.
        streams: over how many connections rows may be copied.
        quoted_null: whether the text for NULL may stand in quotes.
    """
    found: FastCopy | None = None
    if not feed.files:  # all were empty
        return None
    kind = feed.table.reading.format
    if kind in ("csv", "tsv"):
        from .delimited import copy_delimited

        found = copy_delimited(feed, summing, quoted_null=quoted_null)
    elif kind == "jsonl":
        from .json_lines import copy_json_lines

        found = copy_json_lines(feed, summing)
    elif kind == "parquet":
        from .parquet import copy_parquet

        found = copy_parquet(feed, summing)
    return copy_made_rows(feed, summing) if found is None and streams > 1 else found
