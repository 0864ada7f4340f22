"""CSV files with one pollution each, after the Pollock benchmark (Vitagliano and others, VLDB 2023).

A clean table is written with one thing wrong, once for each place where it may be wrong. What a load should
make of it is known here, from how it was written: it is not read by the code that is tested.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass, field

COLUMNS = ("id", "day", "station", "depth", "unit", "note", "link")
ROWS = [
    (
        str(at),
        f"2021-{at % 12 + 1:02d}-{at % 28 + 1:02d}",
        f"Station {at % 7}",
        f"{at * 7 % 100}.{at % 10}",
        ("m", "cm", "")[at % 3],
        (f"plain {at}", f"a, b and {at}", f'so "called" {at}', "", "two\nlines")[at % 5],
        f"https://example.org/{at}",
    )
    for at in range(1, 61)
]


@dataclass(frozen=True)
class Polluted:
    """A file, how it is declared, and what is right: rows, and how many records are rejects.

    ``kind`` is the pollution; ``rows`` have None where a field is missing or empty. Files that are only there
    to be refused are not ``scored``.
    """

    kind: str
    content: bytes
    keys: dict = field(default_factory=dict)
    rows: tuple = ()
    rejects: int = 0
    scored: bool = True


def clean():
    """Return the rows as a table holds them."""
    return [tuple(value or None for value in row) for row in ROWS]


def written(
    rows=ROWS, header=COLUMNS, *, end="\r\n", quoting=csv.QUOTE_MINIMAL, delimiter=",", quote='"', **options
):
    """Return the text of a CSV file."""
    out = io.StringIO(newline="")
    writer = csv.writer(
        out, lineterminator=end, quoting=quoting, delimiter=delimiter, quotechar=quote, **options
    )
    writer.writerows([header, *rows] if header else rows)
    return out.getvalue()


def _line(cells, *, quoting=csv.QUOTE_MINIMAL):
    return written([cells], None, quoting=quoting)


def of_files():
    """Yield pollutions of whole files."""
    right = tuple(clean())

    def made(kind, text, *, encoding="utf-8", rows=right, rejects=0, **keys):
        return Polluted(kind, text.encode(encoding), keys, tuple(rows), rejects)

    yield made("clean", written())
    yield made("no payload", written([]), rows=())
    yield made("no line end at the end", written().rstrip("\r\n"))
    yield made("empty lines at the end", written() + "\r\n\r\n")
    for end in ("\n", "\r"):
        rows = [tuple(value.replace("\n", " ") for value in row) for row in ROWS]
        yield made(
            f"line ends {end!r}", written(rows, end=end), rows=[tuple(v or None for v in row) for row in rows]
        )
    for delimiter in (";", "\t", " ", "|"):
        yield made(f"delimiter {delimiter!r}", written(delimiter=delimiter), delimiter=delimiter)
    yield made("quotes '", written(quote="'"), quote="'")
    yield made("all in quotes", written(quoting=csv.QUOTE_ALL))
    yield made("escapes", written(doublequote=False, escapechar="\\"), escape="\\")
    for delimiter in (", ", "||", "::", "<|>"):
        yield made(
            f"delimiter {delimiter!r}",
            written(delimiter="\x1f", quoting=csv.QUOTE_ALL).replace("\x1f", delimiter),
            delimiter=delimiter,
        )
    spaced = written(delimiter="\x1f", quoting=csv.QUOTE_ALL).replace("\x1f", ",  ")
    yield made("blanks behind delimiters", spaced, blanks="skip")
    yield made("lines before the header", "a report\r\nof 2021\r\n" + written(), skip=2)
    yield made(
        "a header of two lines",
        _line(COLUMNS) + _line(["", "date", "", "", "", "", ""]) + written(header=None),
        header=2,
    )
    yield made("no header", written(header=None), header=list(COLUMNS))
    trailing = written(delimiter="\x1f", end="\x1f\r\n", quoting=csv.QUOTE_ALL).replace("\x1f", ",")
    yield made("a trailing delimiter", trailing, trailing_delimiter=True)
    doubled = ("id", "day", "station", "depth", "", "note", "note")
    paths = dict(zip(COLUMNS, ("id", "day", "station", "depth", "5", "note", "note_7")))
    yield made(
        "a header with empty and doubled names", written(header=doubled), header_names="number", columns=paths
    )
    yield made(
        "a header again in the middle", written(ROWS[:30]) + written(ROWS[30:]), repeated_header="skip"
    )
    for encoding in ("utf-8-sig", "utf-16", "utf-32", "latin-1"):
        yield made(f"encoding {encoding}", written(), encoding=encoding, encoding_key=encoding)
    yield made("footnotes", written() + "Source: the stations\r\n", rejects=1)
    yield made("footnotes with NULL", written() + "Source: the stations\r\n", narrow="null",
               rows=[*right, ("Source: the stations", *[None] * 6)])  # fmt: skip


def of_rows():
    """Yield pollutions of one row, in each row and at each place in it."""
    for at, row in enumerate(ROWS):
        before, after = written(ROWS[:at]), written(ROWS[at + 1 :], None)

        def made(kind, line, rows, rejects=0, around=(before, after), at=at, scored=True, **keys):
            right = clean()
            right[at : at + 1] = [tuple(value or None for value in one) for one in rows]
            return Polluted(
                kind, (around[0] + line + around[1]).encode(), keys, tuple(right), rejects, scored
            )

        cells = [_line([cell]).rstrip("\r\n") if cell else "" for cell in row]
        for place in range(1, len(row)):
            if not any(mark in row[place - 1] + row[place] for mark in ',"\n'):  # plain ones come together
                merged = [*cells[: place - 1], cells[place - 1] + cells[place], *cells[place + 1 :]]
                values = [*row[: place - 1], row[place - 1] + row[place], *row[place + 1 :], ""]
                yield made("a delimiter less", ",".join(merged) + "\r\n", [values], narrow="null")
            more = [*cells[:place], "", *cells[place:]]
            yield made(
                "a delimiter more", ",".join(more) + "\r\n", [[*row[:place], "", *row[place:-1]]], wide="drop"
            )
            yield made("a delimiter more that nobody declared", ",".join(more) + "\r\n", [], 1, scored=False)
        for place, cell in enumerate(row) if not any("\n" in one for one in row) else ():
            quoted = [f'"{one.replace(chr(34), chr(34) * 2)}"' for one in row]
            quoted[place] = quoted[place][:-1] + 'x"y"'
            around = (
                written(ROWS[:at], quoting=csv.QUOTE_ALL),
                written(ROWS[at + 1 :], None, quoting=csv.QUOTE_ALL),
            )
            yield made("a quote more, where all are", ",".join(quoted) + "\r\n", [], 1, around=around)
            if cell and not any(mark in cell for mark in ',"\n'):
                plain = [*cells[:place], f'{cell}"x', *cells[place + 1 :]]
                yield made(
                    "a quote within a field",
                    ",".join(plain) + "\r\n",
                    [[*row[:place], f'{cell}"x', *row[place + 1 :]]],
                )
        plain = [value.replace("\n", " ").replace('"', "").replace(",", "") for value in row]
        yield made("another delimiter", ";".join(plain) + "\r\n", [], 1)


def files():
    """Yield all of them."""
    yield from of_files()
    yield from of_rows()


def score(polluted, rows):
    """Return how much of a file's records a load gave, from 0 to 1: F1 of records and of cells together.

    A reject counts as a record that is lost, with all its cells.
    """
    want, found = list(polluted.rows), list(rows)
    lost = polluted.rejects * len(COLUMNS)
    return (_f1(want, found, polluted.rejects) + _f1(_cells(want), _cells(found), lost)) / 2


def _cells(rows):
    return [(at, value) for row in rows for at, value in enumerate(row)]


def _f1(want, found, lost):
    if not want and not found:
        return 1.0
    same = sum((Counter(want) & Counter(found)).values())
    return 2 * same / (len(want) + lost + len(found))
