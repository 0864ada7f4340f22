"""What a load makes of a CSV file, by docs/dataset.md: Python's csv, strict; not by the reader's code."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass

# A line is ended by LF, CR LF or CR, and by nothing else that Python's `splitlines` takes for an end.
LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


@dataclass(frozen=True)
class Form:
    """How a file is written, by the dataset's keys."""

    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    null: str = ""
    header: int = 1
    skip: int = 0
    encoding: str = "utf-8"

    def keys(self):
        """Return the dataset's keys."""
        own = ("delimiter", "quote", "escape", "null", "skip", "encoding")
        keys = {name: getattr(self, name) for name in own if getattr(self, name) != getattr(Form, name)}
        return {**keys, **({"header": self.header} if self.header > 1 else {})}

    def options(self):
        """Return the options of Python's csv."""
        quoting = {"quotechar": self.quote} if self.quote else {"quoting": csv.QUOTE_NONE}
        escape = {"escapechar": self.escape} if self.escape else {}
        return {"delimiter": self.delimiter, "strict": True, **quoting, **escape}

    def bytes_of(self, text):
        """Return a text as the file has it; half surrogates in UTF-8 are bytes that mean nothing."""
        if self.encoding == "utf-8":
            return text.encode("utf-8", "surrogateescape")
        return text.encode(self.encoding)


class NeverClosedError(Exception):
    """A quote is open at the end of the file: the load is refused."""


def expected(text, form, width):
    """Return the records with the numbers of their lines, and the numbers of those that are bad.

    Raises:
        NeverClosedError: the file cannot be read to its end.
    """
    lines = LINES.findall(text)
    feed = _Feed(lines[form.skip :], form)
    reader = csv.reader(feed, **form.options())
    for _ in range(form.header):
        next(reader)
    good, bad = [], []
    while True:
        feed.first, feed.unreadable = 0, False
        try:
            fields = next(reader)
        except StopIteration:
            return good, bad
        except csv.Error as error:
            if feed.ended and feed.first:
                raise NeverClosedError from error
            bad.append(feed.first)
            continue
        if feed.unreadable:
            bad.append(feed.first)
        elif len(fields) == width:
            good.append((feed.first, tuple(_value(field, form) for field in fields)))
        elif fields:
            bad.append(feed.first)


def written(rows, form, **options):
    """Return rows as Python's csv writes them in that form."""
    text = io.StringIO(newline="")
    csv.writer(text, **{**form.options(), **options}).writerows(rows)
    return text.getvalue()


_NULL = "\ud801"  # half a surrogate pair, which no text has


def _value(field, form):
    if not form.escape:
        return None if field == form.null else field
    if field == _NULL or field == form.null == "":
        return None
    return field.replace(_NULL, form.null.replace(form.escape, ""))


def _with_null_marked(line, form):
    """Return the line with its texts for NULL marked, read from left to right as escapes are."""
    found, at = "", 0
    while at < len(line):
        if line.startswith(form.null, at):
            found, at = found + _NULL, at + len(form.null)
        else:
            step = 2 if line[at] == form.escape else 1
            found, at = found + line[at : at + step], at + step
    return found


class _Feed:
    def __init__(self, lines, form):
        self._form = form
        self._lines = enumerate(lines, form.skip + 1)
        self.first, self.unreadable, self.ended = 0, False, False

    def __iter__(self):
        return self

    def __next__(self):
        for number, line in self._lines:
            if not self.first and number > 1 and line.startswith("\ufeff"):
                self.unreadable, line = True, line[1:]  # files that were put together
            self.first = self.first or number
            if re.search("[\0\udc80-\udcff]", line):
                self.unreadable = True
                line = re.sub("[\0\udc80-\udcff]", "\ufffd", line)
            form = self._form
            return _with_null_marked(line, form) if form.escape and form.null else line
        self.ended = True
        raise StopIteration
