"""How a table's sources are read, as values."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST = 64 << 20  # bytes of one record, where the dataset declares no other limit


@dataclass(frozen=True)
class Dialect:
    """How a file of fields is written; ``quote`` and ``escape`` are empty where there is none.

    ``skip`` lines come before the ``header`` lines, of which the first names the fields. Where that is 0,
    ``names`` are the fields; without names they go by their number, from "1". ``repeated`` says what becomes
    of a header that stands again in the middle: ``reject``, ``skip`` or ``load``.
    """

    delimiter: str = ","
    quote: str = '"'
    null: str = ""
    escape: str = ""
    header: int = 1
    names: tuple[str, ...] = ()
    skip: int = 0
    repeated: str = "reject"


@dataclass(frozen=True)
class Reading:
    """How the sources are read; ``format`` is empty where a table has none.

    ``longest`` is the limit for one record, in bytes. ``records`` is the path of the array in a JSON
    document. Files of 0 bytes are refused unless they ``allow_empty``; with ``unique_keys`` a record in which
    a key is twice is bad, else the last one counts. ``table`` or ``query`` is what is read from a database;
    the other one is empty.
    """

    format: str = ""
    encoding: str = "utf-8"
    longest: int = LONGEST
    dialect: Dialect = Dialect()
    records: str = ""
    table: str = ""
    query: str = ""
    allow_empty: bool = False
    unique_keys: bool = False
