"""Values of Arrow one by one, for batches in which Python's own types cannot hold one of them.

That is the slow way, and the only one that tells which value of which column cannot be read.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from .bad import Bad, bad
from .times import written_date, written_time
from .values import plain

_DAY_MS = 86_400_000
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_EPOCH = datetime.datetime(1970, 1, 1)  # noqa: DTZ001 - of times with and without a zone


def rows_one_by_one(arrow: Any, batch: Any) -> Iterator[dict[str, Any] | Bad]:  # noqa: ANN401 - imported late
    """Yield the rows of a batch with plain values; ``Bad`` with the column where one cannot be read."""
    names = batch.schema.names
    for at in range(batch.num_rows):
        row: dict[str, Any] = {}
        for name, column in zip(names, batch.columns):
            try:
                row[name] = _value(arrow, column[at])
            except (arrow.ArrowException, ValueError, OverflowError) as error:  # noqa: PERF203
                shown = _shown(column[at])
                yield bad(f"column {name}: {_reason(error)}; correct the source", shown)
                break
        else:
            yield row


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 at byte {error.start + 1}"
    return str(error)


def _shown(scalar: Any) -> str:  # noqa: ANN401 - pyarrow is imported late
    """Return a value as a reject shows it."""
    try:
        return bytes(scalar.as_buffer()).decode("utf-8", "backslashreplace")
    except AttributeError:  # neither a text nor bytes
        return repr(scalar)


def _value(arrow: Any, scalar: Any) -> Any:  # noqa: ANN401 - pyarrow is imported late
    """Return a value as JSON's types have it (``values.plain``)."""
    types, kind = arrow.types, scalar.type
    if not scalar.is_valid:
        return None
    if types.is_dictionary(kind):
        return _value(arrow, scalar.value)
    if types.is_timestamp(kind):
        return _timestamp(scalar)
    if types.is_date(kind):
        days = scalar.value if types.is_date32(kind) else scalar.value // _DAY_MS
        return written_date(days)
    if types.is_time(kind) or types.is_duration(kind):
        return _span(arrow, scalar)
    if types.is_string(kind) or types.is_large_string(kind):
        return str(scalar.as_buffer(), "utf-8")
    if types.is_struct(kind):
        names = [kind.field(at).name for at in range(kind.num_fields)]
        if len(set(names)) < len(names):
            raise ValueError("a field's name is there twice in it")
        return {name: _value(arrow, scalar[name]) for name in names}
    if types.is_map(kind):
        return [[_value(arrow, one["key"]), _value(arrow, one["value"])] for one in scalar.values]
    if types.is_nested(kind) and hasattr(scalar, "values"):
        return [_value(arrow, one) for one in scalar.values]
    return plain(scalar.as_py())


def _timestamp(scalar: Any) -> str:  # noqa: ANN401 - pyarrow is imported late
    microseconds, zone = _microseconds(scalar.value, scalar.type.unit), scalar.type.tz
    try:
        if zone is None:
            return (_EPOCH + datetime.timedelta(microseconds=microseconds)).isoformat(" ")
    except OverflowError:
        pass
    return written_time(microseconds, "+00:00" if zone else "")


def _span(arrow: Any, scalar: Any) -> Any:  # noqa: ANN401 - pyarrow is imported late
    """Return a time of day, or a span of time, without its nanoseconds."""
    microseconds = _microseconds(scalar.value, scalar.type.unit)
    span = datetime.timedelta(microseconds=microseconds)
    if arrow.types.is_duration(scalar.type):
        return plain(span)
    if not 0 <= microseconds < _DAY_MS * 1000:
        raise ValueError(f"{microseconds} microseconds are no time of a day")
    return plain((_EPOCH + span).time())


def _microseconds(value: int, unit: str) -> int:
    """Return the number in microseconds; what is finer is cut off, as Arrow's own cast does it."""
    per = _PER_SECOND[unit]
    if per <= _PER_SECOND["us"]:
        return value * (_PER_SECOND["us"] // per)
    return value // 1000 if value >= 0 else -(-value // 1000)
