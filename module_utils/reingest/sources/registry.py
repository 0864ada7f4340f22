"""The formats of sources that reingest knows: each is one entry here, and one file beside this one."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from ..errors import Refusal
from .format import Code, Format
from .reading import Dialect
from .source import PACKED, is_database, is_remote


def _json_lines() -> Code:
    from .json_lines import CODE

    return CODE


def _json_array() -> Code:
    from .json_array import CODE

    return CODE


def _delimited() -> Code:
    from .delimited import CODE

    return CODE


def _parquet() -> Code:
    from .parquet import CODE

    return CODE


def _bson() -> Code:
    from .bson_dump import CODE

    return CODE


def _database() -> Code:
    from .database import CODE

    return CODE


_FILES = ("longest", "allow_empty")
_TEXT = ("encoding", *_FILES)
_FIELDS = ("delimiter", "quote", "escape", "null", "header", "skip", "repeated_header", *_TEXT)
SQL = "sql"
FORMATS = (
    Format("jsonl", (".jsonl", ".ndjson"), _json_lines, (*_TEXT, "duplicate_keys", "each"), named=False),
    Format("json", (".json",), _json_array, (*_TEXT, "duplicate_keys", "records", "each"), named=False),
    Format("csv", (".csv",), _delimited, _FIELDS, named=True, dialect=Dialect()),
    Format("tsv", (".tsv",), _delimited, _FIELDS, named=True, dialect=Dialect(delimiter="\t", quote="")),
    Format("parquet", (".parquet",), _parquet, ("each",), named=True),
    Format("bson", (".bson",), _bson, (*_FILES, "duplicate_keys", "each"), named=False),
    Format(SQL, (), _database, ("table", "query", "each"), named=True),
)
FORMAT_NAMES = tuple(one.name for one in FORMATS if one.endings)  # what `format:` may be
FORMAT_KEYS = tuple(dict.fromkeys(key for one in FORMATS for key in one.keys))


def format_called(name: str) -> Format:
    """Return the format of that name.

    Raises:
        Refusal: there is none.
    """
    for one in FORMATS:
        if one.name == name:
            return one
    raise Refusal(f"there is no format {name!r} of sources (there are: {', '.join(FORMAT_NAMES)})")


def formats_with(key: str) -> tuple[str, ...]:
    """Return the names of the formats that a key of a table is for."""
    return tuple(one.name for one in FORMATS if key in one.keys)


def format_of(source: str) -> str:
    """Return the format that a source's name stands for; empty when it stands for none."""
    if is_database(source):
        return SQL
    path = Path(urlsplit(source).path if is_remote(source) else source)
    if path.suffix in PACKED:
        path = path.with_suffix("")
    return next((one.name for one in FORMATS if path.suffix in one.endings), "")
