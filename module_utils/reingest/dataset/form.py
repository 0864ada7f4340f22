"""The keys that say how sources are written: those of a table, and those of all values."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence

from ..sources.reading import LONGEST, Dialect, Reading
from ..sources.registry import (
    FORMAT_KEYS,
    FORMAT_NAMES,
    SQL,
    format_called,
    format_of,
    formats_with,
)
from ..sources.source import is_database
from .document import Section

FORM_KEYS = ("format", *(key for key in FORMAT_KEYS if key != "each"))
DATES = ("YMD", "DMY", "MDY")  # of a date that is written with numbers only; the first is the default
# Of its own forms PostgreSQL takes `UTC+2` for two hours *behind* it: only names are let through.
_ZONE = re.compile(r"[A-Za-z_]+(/[A-Za-z0-9_+-]+)*")
_DUPLICATE_KEYS = ("last", "reject")
_REPEATED = ("reject", "skip", "load")
_SIZE = re.compile(r"(\d+)\s*(|[KMG]iB)")
_UNITS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def read_form(section: Section, name: str, sources: Sequence[str]) -> Reading:
    """Return how the sources of the table of that name are read.

    Raises:
        Refusal: a key has a value that means nothing, or is not for the sources' format.
    """
    kind = _kind(section, sources)
    found = format_called(kind) if kind else None
    for key in FORMAT_KEYS:
        if found is not None and key in section and key not in found.keys:
            raise section.refusal(f"is for {', '.join(formats_with(key))}, and the sources are {kind}", key)
    if "table" in section and "query" in section:
        raise section.refusal("one of `table:` and `query:` is enough", "query")
    query = section.text("query", "")
    return Reading(
        format=kind,
        encoding=_encoding(section),
        longest=_longest(section),
        dialect=_dialect(section, found.dialect) if found is not None and found.dialect else Dialect(),
        records=section.text("records", ""),
        table=section.text("table", name) if kind == SQL and not query else "",
        query=query,
        allow_empty=section.flag("allow_empty"),
        unique_keys=section.choice("duplicate_keys", _DUPLICATE_KEYS, _DUPLICATE_KEYS[0]) == "reject",
    )


def read_timezone(top: Section) -> str:
    """Return the time zone of times that are written without one; PostgreSQL knows whether there is one.

    Raises:
        Refusal: it is no name.
    """
    name = top.text("timezone", "UTC")
    if not _ZONE.fullmatch(name):
        raise top.refusal(
            f"{name!r} is no name of a time zone: write one such as UTC or Europe/Berlin", "timezone"
        )
    return name


def _kind(section: Section, sources: Sequence[str]) -> str:
    kind = section.choice("format", FORMAT_NAMES) if "format" in section else ""
    for source in sources:
        _check_secret(section, source)
        if is_database(source) and kind:
            raise section.refusal("is for files, and a database by its URL has its own", "format")
        if not kind and not format_of(source):
            raise section.refusal(
                f"{source} does not tell its format: add `format:`, one of {', '.join(FORMAT_NAMES)}"
            )
    formats = {kind} if kind else {format_of(source) for source in sources}
    if len(formats) > 1:
        raise section.refusal(f"the files are of different formats ({', '.join(sorted(formats))})", "from")
    return formats.pop() if formats else ""


def _check_secret(section: Section, source: str) -> None:
    """Refuse a password in a URL: the dataset is shown in plans, messages and reports."""
    _, found, rest = source.partition("://")
    if not found:
        return
    login = rest.split("/")[0].rpartition("@")[0]
    password = login.partition(":")[2]
    if password and not re.fullmatch(r"\$\{\w+\}", password):
        raise section.refusal(
            "holds a password: put it into a variable of the worker's environment and write ${NAME}", "from"
        )


def _dialect(section: Section, usual: Dialect) -> Dialect:
    for key in ("delimiter", "quote", "escape"):
        if key in section and len(section.text(key)) != 1 and (key == "delimiter" or section.text(key)):
            raise section.refusal("must be one character", key)
    header, names = _header(section)
    if not header and "repeated_header" in section:
        raise section.refusal("is for files with a header", "repeated_header")
    delimiter, quote = section.text("delimiter", usual.delimiter), section.text("quote", usual.quote)
    if section.text("escape", "") not in ("", quote) and set(section.text("null", "")) & {
        *delimiter,
        *quote,
        *"\r\n",
    }:
        raise section.refusal(
            "must not hold the delimiter, the quote or a line end where there is an `escape:`", "null"
        )
    return Dialect(
        delimiter=section.text("delimiter", usual.delimiter),
        quote=section.text("quote", usual.quote),
        null=section.text("null", ""),
        escape=section.text("escape", ""),
        header=header,
        names=names,
        skip=_lines(section, "skip", 0),
        repeated=section.choice("repeated_header", _REPEATED, usual.repeated),
    )


def _header(section: Section) -> tuple[int, tuple[str, ...]]:
    """Return the lines of the header, and the names of the fields where the dataset gives them."""
    value = section.value("header")
    if isinstance(value, list):
        names = section.texts("header")
        if not names or len(set(names)) != len(names):
            raise section.refusal("must name each field once", "header")
        return 0, names
    if value is False:
        if "columns" not in section:
            raise section.refusal(
                'false needs `columns:` with the numbers of the fields (id: "1"); or name them: [id, name]',
                "header",
            )
        return 0, ()
    if value is True:
        return 1, ()
    lines = _lines(section, "header", 1)
    if not lines:
        raise section.refusal("must be false, a number of lines from 1, or the names of the fields", "header")
    return lines, ()


def _lines(section: Section, key: str, default: int) -> int:
    value = section.value(key) if key in section else default
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise section.refusal("must be a number of lines", key)
    return value


def _encoding(section: Section) -> str:
    name = section.text("encoding", "utf-8")
    try:
        codecs.lookup(name)
        "".encode(name)  # a codec such as hex is none of text
    except (LookupError, ValueError) as error:
        raise section.refusal(f"{name!r} is no encoding that Python knows", "encoding") from error
    return name


def _longest(section: Section) -> int:
    if "longest" not in section:
        return LONGEST
    value = section.value("longest")
    found = _SIZE.fullmatch(str(value)) if isinstance(value, (int, str)) and value is not True else None
    if found is None or int(found[1]) == 0:
        raise section.refusal("must be a size such as 64MiB (KiB, MiB, GiB, or bytes)", "longest")
    return int(found[1]) * _UNITS[found[2]]
