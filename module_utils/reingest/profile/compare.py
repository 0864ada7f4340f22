"""A table's profile beside production's: what differs by more than its limit, as findings.

A default limit holds where production has ``LEAST_ROWS`` rows, or a column ``LEAST_VALUES`` values or NULLs:
a fraction of less means nothing. A declared one holds always.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..dataset.limits import (
    DISK,
    EMPTIED,
    FILLED,
    GROWTH,
    LOST,
    RANGE,
    SHORTENED,
    SHRINK,
    VANISHED,
    Limit,
    Limits,
)
from ..disclosure.printable import printable
from ..frame.finding import Finding
from .keys import Keys
from .model import ColumnProfile, TableProfile
from .ranges import range_change

LEAST_ROWS = 100
LEAST_VALUES = 20
_LEAST_BYTES = 64 << 20  # that a table takes more on disk: less is no matter
_SHOWN = 40  # characters of a value
_MOST_VALUES = 5
_SAMPLED = 0.1  # by how much a share may be too high, as ANALYZE knows it from a sample


@dataclass(frozen=True)
class Pair:
    """One table on both servers.

    Attributes:
        name: as the dataset has it.
        before: production's profile.
        now: the load's.
        limits: what the table declares.
        whole: what the dataset declares for all tables.
        keys: which keys both have; None where they were not compared.
        vanished: values of production that no row of the load has, by column, with their share of
            production's rows.
        paths: where the mapping takes columns from, for messages.
        numbered: columns whose numbers count nothing: keys, and what a sequence fills.
        refers: columns that name rows of another table.
    """

    name: str
    before: TableProfile
    now: TableProfile
    limits: Limits
    whole: Mapping[str, float]
    keys: Keys | None = None
    vanished: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)
    numbered: frozenset[str] = frozenset()
    refers: frozenset[str] = frozenset()

    @property
    def gone(self) -> int:
        """Return how many of production's rows the load has not, as far as that is known."""
        return self.keys.only_before if self.keys else max(0, self.before.rows - self.now.rows)

    def limit(self, kind: str, column: str = "") -> Limit:
        """Return a limit of the table, or of one of its columns."""
        return self.limits.limit(kind, self.whole, column)


def compared(pair: Pair) -> Iterator[Finding]:
    """Yield what differs by more than its limit.

    What a table without rows differs in is said by other checks.
    """
    if not pair.before.rows or not pair.now.rows:
        yield from _of_rows(pair)
        return
    yield from _of_rows(pair)
    yield from _of_keys(pair)
    yield from _of_disk(pair)
    for name, now in pair.now.columns.items():
        before = pair.before.columns.get(name)
        if before is not None and name not in pair.limits.left_out:
            column = _Column(pair, name, before, now)
            yield from column.of_values()
            yield from column.of_bytes()
            yield from column.of_range()
            yield from column.of_categories()


def _of_rows(pair: Pair) -> Iterator[Finding]:
    before, now = pair.before.rows, pair.now.rows
    if not before:
        return
    change, counts = (now - before) / before, f"has {now} rows where production has {before}"
    shrink, growth = pair.limit(SHRINK), pair.limit(GROWTH)
    if -change > shrink.fraction and _counts(shrink, before, LEAST_ROWS):
        yield Finding(
            f"{SHRINK}:{pair.name}",
            f"table {pair.name} {counts}: {-change:.1%} fewer, and {shrink.shown} is the limit"
            f"{_gone(pair.keys)}",
            "look whether the source is complete; if the loss is meant, raise the table's `shrink:`",
            amount=before - now,
        )
    if change > growth.fraction and _counts(growth, before, LEAST_ROWS):
        yield Finding(
            f"{GROWTH}:{pair.name}",
            f"table {pair.name} {counts}: {change:.1%} more, and {growth.shown} is the limit",
            "look whether a source is read twice, or a record makes several rows; if the growth is meant, "
            "raise the table's `growth:`",
            amount=now - before,
        )


def _of_keys(pair: Pair) -> Iterator[Finding]:
    keys, limit, rows = pair.keys, pair.limit(LOST), pair.before.rows
    if keys is None or keys.only_before <= limit.fraction * rows or not _counts(limit, rows, LEAST_ROWS):
        return
    if pair.refers >= {*pair.now.key} and not limit.declared:
        return  # a table of links: the tables that it links are reported, and so is the number of rows
    shrink = pair.limit(SHRINK)
    if rows - pair.now.rows > shrink.fraction * rows and keys.only_now <= limit.fraction * rows:
        return  # the same rows, which `shrink` has told of
    yield Finding(
        f"{LOST}:{pair.name}",
        f"table {pair.name} lacks {keys.only_before} of production's {rows} keys "
        f"({keys.only_before / rows:.1%}, and {limit.shown} is the limit), for example "
        f"{_listed(keys.before_examples)}; {keys.only_now} keys are new"
        + (f", for example {_listed(keys.now_examples)}" if keys.only_now else ""),
        "look whether the source has them under other names, and what refers to them; if the loss is meant, "
        "raise the table's `lost:`",
        amount=keys.only_before,
    )


def _of_disk(pair: Pair) -> Iterator[Finding]:
    limit, before, now = pair.limit(DISK), pair.before, pair.now
    was, is_ = before.disk / before.rows, now.disk / now.rows
    more = now.disk - was * now.rows
    if not was or is_ / was - 1 <= limit.fraction or (more < _LEAST_BYTES and not limit.declared):
        return
    yield Finding(
        f"{DISK}:{pair.name}",
        f"table {pair.name} takes {now.disk / 1e6:,.0f} MB on disk, {is_:,.0f} bytes a row where production "
        f"takes {was:,.0f}: {is_ / was - 1:.0%} more, and {limit.shown} is the limit",
        "look for a column that holds more than before, or an index that production has not; if it is meant, "
        "raise the table's `disk:`",
        amount=round(more / 1e6),
    )


@dataclass(frozen=True)
class _Column:
    """A column on both servers."""

    pair: Pair
    name: str
    before: ColumnProfile
    now: ColumnProfile

    def of_values(self) -> Iterator[Finding]:
        """Compare how many rows have a value, as a share of all rows."""
        rows, rows_now = self.pair.before.rows, self.pair.now.rows
        yield from self._fewer(EMPTIED, "a value", self.before.non_null, self.now.non_null)
        nulls, nulls_now = rows - self.before.non_null, rows_now - self.now.non_null
        yield from self._fewer(FILLED, "no value (NULL)", nulls, nulls_now)

    def of_bytes(self) -> Iterator[Finding]:
        """Compare how long values are on average."""
        limit = self.pair.limit(SHORTENED, self.name)
        before, now = _mean(self.before), _mean(self.now)
        if not before or now is None or not _counts(limit, self.before.non_null, LEAST_VALUES):
            return
        if 1 - now / before > limit.fraction:
            yield self._finding(
                SHORTENED,
                f"values of {self._place} have {now:.1f} bytes on average where production's have "
                f"{before:.1f}: {1 - now / before:.1%} fewer, and {limit.shown} is the limit",
                "look whether values are cut, empty, or others than before",
                amount=round((1 - now / before) * 100),
            )

    def of_range(self) -> Iterator[Finding]:
        """Compare from where to where numbers and times reach."""
        limit = self.pair.limit(RANGE, self.name)
        if self.name in self.pair.numbered | self.pair.refers or self.before.kind != self.now.kind:
            return
        if not _counts(limit, self.before.non_null, LEAST_ROWS):
            return
        said = range_change(self.before, self.now, limit)
        if said:
            yield self._finding(
                RANGE,
                f"{self._place} reaches from {_value(self.now.minimum)} to {_value(self.now.maximum)} where "
                f"production's reaches from {_value(self.before.minimum)} to {_value(self.before.maximum)}: "
                f"{said}",
                "look for another unit, or for a number that stands for none",
            )

    def of_categories(self) -> Iterator[Finding]:
        """Tell of values that a good part of production's rows have, and no row of the load.

        Not where as many rows are gone as had the value: they may be those.
        """
        limit = self.pair.limit(VANISHED, self.name)
        rows, gone = self.pair.before.rows, self.pair.vanished.get(self.name, {})
        if self.name in self.pair.refers and not limit.declared:
            return  # the rows that they name are told of
        gone = {
            value: share
            for value, share in gone.items()
            if share > limit.fraction
            and _counts(limit, round(share * rows), LEAST_VALUES)
            and share * rows * (1 - _SAMPLED) > self.pair.gone
        }
        if gone and self.now.non_null:
            shown = ", ".join(
                f"{_value(value)} ({share:.1%})" for value, share in list(gone.items())[:_MOST_VALUES]
            )
            more = f" and {len(gone) - _MOST_VALUES} others" if len(gone) > _MOST_VALUES else ""
            yield self._finding(
                VANISHED,
                f"{self._place} has no row any more with {shown}{more}, of which production has about that "
                f"share, and {limit.shown} is the limit",
                "look whether the source spells them in another way",
                state=repr(sorted(gone)),  # not the shares, which are estimated anew
            )

    def _fewer(self, kind: str, what: str, before: int, now: int) -> Iterator[Finding]:
        limit, rows, rows_now = self.pair.limit(kind, self.name), self.pair.before.rows, self.pair.now.rows
        if now >= before or not _counts(limit, before, LEAST_VALUES):
            return
        if before - now <= self.pair.gone and (now or kind == FILLED):
            return  # the rows that had it may be those that are gone
        was, is_ = before / rows, now / rows_now
        if 1 - is_ / was > limit.fraction:
            yield self._finding(
                kind,
                f"{self._place} has {what} in {now} of {rows_now} rows ({is_:.1%}) where production has it "
                f"in {before} of {rows} ({was:.1%}): {1 - is_ / was:.1%} fewer, "
                f"and {limit.shown} is the limit",
                "look whether the source has it under another name"
                if kind == EMPTIED
                else "look whether a text now stands for NULL",
                amount=before - now,
            )

    @property
    def _place(self) -> str:
        return f"column {self.name} of table {self.pair.name}"

    def _finding(
        self, kind: str, message: str, remedy: str, *, amount: int | None = None, state: str = ""
    ) -> Finding:
        path = self.pair.paths.get(self.name, "")
        taken = f" (the dataset takes it from `{path}`)" if path else ""
        return Finding(
            f"{kind}:{self.pair.name}.{self.name}",
            message,
            f"{remedy}{taken}; if it is meant, raise the limit (`profile: {{{self.name}: {{{kind}: ...}}}}`)",
            amount=amount,
            state=state,
        )


def _counts(limit: Limit, of: int, least: int) -> bool:
    """Return whether a limit holds for so many rows or values."""
    return of > 0 if limit.declared else of >= least


def _mean(column: ColumnProfile) -> float | None:
    size = column.text_bytes if column.text_bytes is not None else column.stored_bytes
    return None if size is None or not column.non_null else size / column.non_null


def _gone(keys: Keys | None) -> str:
    if keys is None or not keys.only_before:
        return ""
    return f"; {keys.only_before} keys are gone, for example {_listed(keys.before_examples)}"


def _listed(values: Sequence[str]) -> str:
    return ", ".join(map(_value, values))


def _value(value: str | None) -> str:
    """Return a value as a message has it: short, and with no character that is not seen."""
    text = printable(value or "")
    return f"{text[:_SHOWN]}..." if len(text) > _SHOWN else text
