"""The profile of a table: what one scan tells of its rows and of each column, as plain values.

All numbers are of the rows that there are; all texts are the server's, written in a pinned session
(``postgres.session``), so profiles of two servers, or of a table and its source, can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Callable, TypeVar

T = TypeVar("T")

# What a column's values are, and so which figures it has.
TEXT = "text"  # compared by their bytes
NUMBER = "number"
TRUTH = "truth"
TIME = "time"  # dates and times of a calendar
OTHER = "other"

LONGEST = 64  # characters of a smallest or largest text that are kept


@dataclass(frozen=True)
class ColumnProfile:
    """One column; a figure that its kind does not have is None.

    Attributes:
        type: as ``format_type`` writes it.
        kind: what its values are: one of this file's constants.
        non_null: how many rows have a value.
        text_bytes: bytes of all values as the server writes them. Of texts and ``bytea`` always; of other
            types where the scan was asked for it.
        stored_bytes: bytes of all values as they are stored, compressed ones as they are. Only of types of
            variable length that have no ``text_bytes``.
        minimum: the smallest value: of numbers, times and enums in their order; of texts by bytes (UTF-8, as
            ``COLLATE "C"``), its first ``LONGEST`` characters; of a truth ``false`` or ``true``.
        maximum: the largest value, likewise.
        total: the sum of whole numbers and ``numeric``, as PostgreSQL writes it; of truths how many are true.
        distinct: how many different values there are, as ANALYZE estimates it; None where nothing did.
        common: of a text, truth or enum with few different values the most common ones, each with its share
            of all rows, as ANALYZE estimates it.
    """

    type: str
    kind: str
    non_null: int
    text_bytes: int | None = None
    stored_bytes: int | None = None
    minimum: str | None = None
    maximum: str | None = None
    total: str | None = None
    distinct: int | None = None
    common: Mapping[str, float] | None = None


@dataclass(frozen=True)
class TableProfile:
    """One table with its partitions and children.

    Attributes:
        rows: how many.
        columns: by name, in the order of the table.
        key: the columns of the primary key; none without one.
        keys: the sum of the hashes of all primary keys' texts, as PostgreSQL writes it: equal where both have
            the same keys. None without a primary key.
        disk: bytes on disk, with indexes and TOAST.
    """

    rows: int
    columns: Mapping[str, ColumnProfile]
    key: tuple[str, ...] = ()
    keys: str | None = None
    disk: int = 0

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


def from_plain(value: Mapping[str, Any]) -> TableProfile:
    """Return the profile that ``plain`` wrote.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is none.
    """
    columns = {name: _column(column) for name, column in value["columns"].items()}
    return TableProfile(
        rows=_whole(value["rows"]),
        columns=columns,
        key=tuple(map(_text, value["key"])),
        keys=_maybe(_text, value["keys"]),
        disk=_whole(value["disk"]),
    )


def _column(value: Mapping[str, Any]) -> ColumnProfile:
    return ColumnProfile(
        type=_text(value["type"]),
        kind=_text(value["kind"]),
        non_null=_whole(value["non_null"]),
        text_bytes=_maybe(_whole, value["text_bytes"]),
        stored_bytes=_maybe(_whole, value["stored_bytes"]),
        minimum=_maybe(_text, value["minimum"]),
        maximum=_maybe(_text, value["maximum"]),
        total=_maybe(_text, value["total"]),
        distinct=_maybe(_whole, value["distinct"]),
        common=_maybe(_shares, value["common"]),
    )


def _maybe(read: Callable[[object], T], value: object) -> T | None:
    return None if value is None else read(value)


def _shares(value: Any) -> dict[str, float]:  # noqa: ANN401 - whatever stands there
    return {_text(name): float(share) for name, share in value.items()}


def _whole(value: object) -> int:
    if type(value) is not int:
        raise ValueError(f"{value!r} is no whole number")
    return value


def _text(value: object) -> str:
    if type(value) is not str:
        raise ValueError(f"{value!r} is no text")
    return value
