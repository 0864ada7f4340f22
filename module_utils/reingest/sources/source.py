"""What rows come from: a file, a file elsewhere by its URL, a query of another database; or a part."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Union
from urllib.parse import quote, unquote

from ..disclosure.secrets import without_passwords
from ..errors import Refusal

PACKED = (".gz", ".zst")  # endings of compressed files
_SQLITE = "sqlite:///"
_REMOTE = ("http", "https", "s3", "gs", "abfs", "sftp", "file")
_VARIABLE = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class Remote:
    """A file by its URL; ``${NAME}`` in it stands for a variable of the worker's environment."""

    url: str

    def __str__(self) -> str:
        """Return the URL as the dataset has it, so without the variables' values."""
        return self.url


@dataclass(frozen=True)
class Query:
    """The rows of a table, or of a query, in the database at an SQLAlchemy URL (one of the two is empty)."""

    url: str
    table: str
    query: str

    def __str__(self) -> str:
        """Return the URL as the dataset has it, and what is read there."""
        return f"{self.url} ({self.table or ' '.join(self.query.split())})"

    @property
    def file(self) -> Path | None:
        """Return the file of an SQLite database; None for any other."""
        return Path(self.url[len(_SQLITE) :]) if self.url.startswith(_SQLITE) else None


@dataclass(frozen=True)
class Pipe:
    """Whole records that another process hands over, in UTF-8; the descriptor of the pipe's reading end."""

    descriptor: int

    def __str__(self) -> str:
        """Return what it is; its reader has no name for a person."""
        return f"pipe {self.descriptor}"


@dataclass(frozen=True)
class RowGroups:
    """Some of the row groups of a Parquet file, by their numbers from 0."""

    file: Path
    numbers: tuple[int, ...]

    def __str__(self) -> str:
        """Return the file."""
        return str(self.file)


@dataclass(frozen=True)
class Range:
    """Whole records of a file that is not packed: its bytes from ``begin`` to before ``end``."""

    file: Path
    begin: int
    end: int

    def __str__(self) -> str:
        """Return the file."""
        return str(self.file)


Source = Union[Path, Remote, Query, Pipe, RowGroups, Range]


@dataclass(frozen=True)
class SourceFile:
    """A source as it was when the load was planned; ``name`` is its path below the folder of sources.

    ``sha256`` is of the content; of a remote file with a strong ETag it is of size and ETag, and of a
    server's rows the sum of each row's, whatever their order. ``modified_ns`` is 0, and ``tag`` empty, where
    there is none.
    """

    path: Source
    name: str
    size: int
    modified_ns: int
    sha256: str
    tag: str = ""


def is_remote(source: str) -> bool:
    """Return whether a source is a file by its URL."""
    return _scheme(source) in _REMOTE


def is_local(source: str) -> bool:
    """Return whether a source is a file of this host by its URL."""
    return _scheme(source) == "file"


def local_path(source: str) -> str:
    """Return the path, pattern or folder of a ``file://`` URL.

    Raises:
        Refusal: it names another host, or no whole path.
    """
    rest = expanded(source).partition("://")[2]
    path = rest[len("localhost") :] if rest.startswith("localhost/") else rest
    if not path.startswith("/") or "::" in path:
        raise Refusal(f"source {source} is no file of this host: write file:///the/whole/path")
    return path


def is_database(source: str) -> bool:
    """Return whether a source is a database by its SQLAlchemy URL."""
    scheme = _scheme(source)
    return bool(scheme) and scheme not in _REMOTE


def _scheme(source: str) -> str:
    scheme, found, _ = source.partition("://")
    return scheme if found and re.fullmatch(r"[A-Za-z][\w+.-]*", scheme) else ""


def query_in(url: str, table: str, query: str, folder: Path) -> Query:
    """Return the query; the relative path of an SQLite database starts at the folder."""
    if url.lower().startswith("sqlite") and not url.startswith(_SQLITE):
        raise Refusal(f"source {url}: write an SQLite file as sqlite:///its/path; correct `from:`")
    if url.startswith(_SQLITE):
        url = _SQLITE + str(folder / url[len(_SQLITE) :])
    return Query(url, table, query)


def expanded(url: str) -> str:
    """Return a URL with the values of its variables.

    Raises:
        Refusal: a variable is not set.
    """

    def value(found: re.Match[str]) -> str:
        if found[1] not in os.environ:
            raise Refusal(f"source {url}: the variable {found[1]} is not set in the worker's environment")
        return os.environ[found[1]]

    return _VARIABLE.sub(value, url)


def without_secrets(text: str, url: str) -> str:
    """Return a library's message about a URL with each variable's value as its name again."""
    for name in _VARIABLE.findall(url):
        value = os.environ.get(name)
        for form in (value, quote(value, safe=""), unquote(value)) if value else ():
            text = text.replace(form, f"${{{name}}}")
    return without_passwords(text)
