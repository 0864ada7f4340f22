"""The records of a source, whatever its format."""

from __future__ import annotations

from .format import Records
from .reading import Reading
from .registry import format_called
from .source import Source


def read_fields(reading: Reading, source: Source) -> tuple[str, ...] | None:
    """Return the names of the fields that every record of the source has; None where each has its own.

    Raises:
        Refusal: they cannot be read.
    """
    return format_called(reading.format).code().fields(source, reading)


def read_records(reading: Reading, source: Source) -> Records:
    """Yield the records of one source with their numbers; see ``Code.records``.

    Raises:
        Refusal: the source cannot be read on; with its name and the place.
    """
    return format_called(reading.format).code().records(source, reading)
