"""What people's files of fields have that is no CSV, and that a dataset may declare.

Rows that are too short or too long, a delimiter at the end of each line, delimiters of several characters,
headers that name no fields. What fits no declaration stays a bad row, or is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable, Union

from .reading import DROP, NULL, NUMBER, Dialect

# A text's own character in the place of a delimiter of several, while csv cuts a line, which knows one only.
_STANDS_IN = "\ufdd0"  # Unicode has it for a program's own use: no text may hold it
_LONGEST_NAME = 63  # bytes that PostgreSQL keeps of a name

Fitted = Union[list[str], str]  # the fields of a record, or why it has other ones than the header


def fitting(dialect: Dialect, width: int, null: str) -> Callable[[list[str]], Fitted]:
    """Return what brings a record to as many fields as the header has, as far as that is declared.

    Args:
        dialect: how the files are written.
        width: of the header.
        null: what stands for NULL, for fields that are missing.
    """

    def fitted(fields: list[str]) -> Fitted:
        if len(fields) == width and not dialect.trailing:
            return fields
        if dialect.trailing:
            if len(fields) < 2 or fields[-1] or (len(fields) <= width and dialect.narrow != NULL):
                return "no delimiter behind the last field, and `trailing_delimiter:` is declared"
            fields = fields[:-1]
        if len(fields) > width and dialect.wide == DROP:
            return fields[:width]
        if len(fields) < width and dialect.narrow == NULL:
            return fields + [null] * (width - len(fields))
        if len(fields) == width:
            return fields
        return _uneven(len(fields), width)

    return fitted


def _uneven(found: int, width: int) -> str:
    declare = '`narrow: "null"`' if found < width else "`wide: drop`"
    found_and_wanted = f"{found} fields where the header has {width}"
    return f"{found_and_wanted}; correct the source or the dialect, or declare {declare}"


def named_fields(dialect: Dialect, header: Sequence[str]) -> list[str]:
    """Return the names of the fields by a header, repaired where the dataset has that declared.

    An empty name becomes the field's number, a name that was there before gets that number behind it, and one
    that is too long for PostgreSQL is cut as PostgreSQL cuts it.
    """
    names = list(header)
    if dialect.trailing and len(names) > 1 and not names[-1]:
        names.pop()
    if dialect.header_names != NUMBER:
        return names
    taken, made = set(names), []
    seen: set[str] = set()
    for number, name in enumerate(names, 1):
        short = name.encode("utf-8", "replace")[:_LONGEST_NAME].decode("utf-8", "ignore")
        if not short or short in seen:
            short = _free(short, number, taken)
        seen.add(short)
        taken.add(short)
        made.append(short)
    return made


def _free(name: str, number: int, taken: set[str]) -> str:
    """Return a name that no other field has: with the field's number, and with more of it where need be."""
    end = str(number)
    while True:
        room = _LONGEST_NAME - len(end) - 1
        cut = name.encode("utf-8", "replace")[:room].decode("utf-8", "ignore")
        made = f"{cut}_{end}" if cut else end
        if made not in taken:
            return made
        end += f"_{number}"


class LongDelimiter:
    """A delimiter of several characters, for a reader that knows delimiters of one."""

    stands_in = _STANDS_IN

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter

    def shortened(self, line: str) -> str | None:
        """Return a line with one character for each delimiter, in quotes too; None where it has that."""
        if _STANDS_IN in line:
            return None
        return line.replace(self._delimiter, _STANDS_IN)

    def restored(self, fields: list[str]) -> list[str]:
        """Return fields in which a delimiter that stood in quotes is itself again."""
        return [
            field.replace(_STANDS_IN, self._delimiter) if _STANDS_IN in field else field for field in fields
        ]
