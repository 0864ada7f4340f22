"""DuckDB, bounded: it reads only the files that it was given, has little memory, and no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from ..sources.optional import library
from .part import NotFollowedError, quoted

MEMORY = 448 << 20  # bytes that its process may ask for: with the program itself it has less than 512 MB
_BUFFERS = "256MB"  # what it may hold of that: the rest are records under way
_THREADS = 4
_SPILL = "1GB"


class UnreadableError(Exception):
    """DuckDB says that a source is not what it is declared to be; the message says where."""


def duckdb() -> ModuleType:
    """Return the library.

    Raises:
        Refusal: it is not there; names the package to install on the worker.
    """
    return library("duckdb", "duckdb", "`prove: independent`")


class Engine:
    """One session, in the process that calls."""

    def __init__(self, files: Sequence[Path], scratch: Path, *, threads: int, zone: str) -> None:
        """Open it.

        Args:
            files: what it may read.
            scratch: a folder of its own.
            threads: how many cores it may use.
            zone: the time zone of times without one.

        Raises:
            NotFollowedError: there is not enough memory for it.
        """
        self._library = duckdb()
        try:
            self._connection = self._library.connect(":memory:")
        except (self._library.Error, MemoryError) as error:
            raise NotFollowedError(f"DuckDB cannot be started: {_first_words(error)}") from error
        self._run(f"SET threads = {max(1, min(threads, _THREADS))}")
        self._run(f"SET memory_limit = {quoted(_BUFFERS)}")
        self._run(f"SET temp_directory = {quoted(str(scratch / 'spill'))}")
        self._run(f"SET max_temp_directory_size = {quoted(_SPILL)}")
        self._run("SET preserve_insertion_order = false")
        self._run("SET autoinstall_known_extensions = false")
        self._run("SET autoload_known_extensions = false")
        self._run("SET allow_community_extensions = false")
        self._run("SET python_enable_replacements = false")
        try:
            self._run(f"SET TimeZone = {quoted(zone)}")
            self.zone = zone
        except NotFollowedError:
            self.zone = ""
        self._run(f"SET allowed_paths = [{', '.join(quoted(str(file)) for file in files)}]")
        self._run("SET enable_external_access = false")
        self._run("SET lock_configuration = true")

    def close(self) -> None:
        """Give its memory back."""
        self._connection.close()

    def row(self, query: str) -> tuple[Any, ...] | None:
        """Return the first row.

        Raises:
            UnreadableError: a source is not as it was declared.
            NotFollowedError: DuckDB cannot do it.
        """
        found = self._run(query).fetchone()
        return None if found is None else tuple(found)

    def types(self, query: str) -> Mapping[str, str]:
        """Return the names and types of what a query gives.

        Raises:
            UnreadableError, NotFollowedError: as ``row``.
        """
        return {name: type_ for name, type_, *_ in self._run(f"DESCRIBE {query}").fetchall()}

    def _run(self, query: str) -> Any:  # noqa: ANN401 - DuckDB is imported late
        errors = self._library
        try:
            return self._connection.execute(query)
        except (errors.InvalidInputException, errors.ConversionException) as error:
            if any(limit in str(error) for limit in _LIMITS):
                raise NotFollowedError(f"DuckDB cannot read it: {_first_words(error)}") from error
            raise UnreadableError(_first_words(error)) from error
        except (errors.OutOfMemoryException, MemoryError) as error:
            raise NotFollowedError(f"DuckDB needs more than {_BUFFERS} of memory for it") from error
        except errors.Error as error:
            raise NotFollowedError(f"DuckDB cannot read it: {_first_words(error)}") from error


# Of what DuckDB says about a record: what is its own limit, and says nothing of the source.
# A quote without its end it finds also where a record is longer than its buffer.
_LIMITS = (
    "Maximum line size",
    "maximum_object_size",
    "unterminated quote",
    "not support the encoding",
    "icu extension",
)
_WORDS = 300


def _first_words(error: Exception) -> str:
    """Return what DuckDB says, without its advice for those who write its queries."""
    text = str(error)
    for advice in ("Possible fixes", "Possible Solution", "Try setting", "\n\n"):
        text = text.partition(advice)[0]
    text = " ".join(text.split())
    for kind in ("Invalid Input Error: ", "Conversion Error: "):
        text = text.removeprefix(kind)
    return text if len(text) <= _WORDS else text[:_WORDS] + "..."
