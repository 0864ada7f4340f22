"""How a table's sources are read, as values."""

from __future__ import annotations

from dataclasses import dataclass

NULL, REJECT, DROP, NUMBER = "null", "reject", "drop", "number"
LONGEST = 64 << 20  # bytes of one record, where the dataset declares no other limit


@dataclass(frozen=True)
class Dialect:
    """How a file of fields is written; ``quote`` and ``escape`` are empty where there is none.

    ``skip`` lines come before the ``header`` lines, of which the first names the fields. Where that is 0,
    ``names`` are the fields; without names they go by their number, from "1". ``repeated`` says what becomes
    of a header that stands again in the middle: ``reject``, ``skip`` or ``load``.

    Beyond CSV: ``narrow`` and ``wide`` say what becomes of records with too few and too many fields. With
    ``trailing`` a delimiter is behind each last field, too, with ``blanks`` those behind a delimiter are
    passed over. ``header_names`` says how names that are none are made some. A delimiter may be longer.
    """

    delimiter: str = ","
    quote: str = '"'
    null: str = ""
    escape: str = ""
    header: int = 1
    names: tuple[str, ...] = ()
    skip: int = 0
    repeated: str = REJECT
    narrow: str = REJECT
    wide: str = REJECT
    trailing: bool = False
    blanks: bool = False
    header_names: str = ""

    @property
    def is_csv(self) -> bool:
        """Return whether records are as readers of CSV have them, with delimiters of one character."""
        return not (
            self.trailing
            or self.blanks
            or self.header_names
            or (self.narrow, self.wide) != (REJECT, REJECT)
            or len(self.delimiter) > 1
        )


@dataclass(frozen=True)
class Reading:
    """How the sources are read; ``format`` is empty where a table has none.

    ``longest`` is the limit for one record, in bytes. ``records`` is the path of the array in a JSON
    document. ``nan`` says what becomes of a NaN in JSON, as Python writes it. Files of 0 bytes are refused
    unless they ``allow_empty``; with ``unique_keys`` a record in which a key is twice is bad, else the last
    one counts. ``table`` or ``query`` is what is read from a database; the other one is empty.
    """

    format: str = ""
    encoding: str = "utf-8"
    longest: int = LONGEST
    dialect: Dialect = Dialect()
    records: str = ""
    nan: str = REJECT
    table: str = ""
    query: str = ""
    allow_empty: bool = False
    unique_keys: bool = False
