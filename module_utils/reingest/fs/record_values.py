"""Values of a JSON document, checked against the dataclass that they become: the one place that trusts none.

Whoever may write to a volume or a work folder may write anything into a record there. What comes out of here
has the fields of its class and no others, each of its type, and each id in its form: never a path.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

_RUN = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}")
_DIGITS = 20
_MOST = 1 << 64  # numbers of the kernel and of PostgreSQL have 64 bits


def is_run(text: object) -> bool:
    """Return whether a value is a run's id, as it names a folder; a watchdog's has a suffix more."""
    return isinstance(text, str) and _RUN.fullmatch(text) is not None


def is_time(text: str) -> bool:
    """Return whether a text is a time by itself; its form is ISO 8601, else it is a ValueError."""
    return datetime.fromisoformat(text).tzinfo is not None


RunId = Annotated[str, is_run]  # a field's type: each function that follows ``str`` must hold of the value
MaybeRunId = Annotated[str, lambda text: not text or is_run(text)]
Time = Annotated[str, is_time]
MaybeTime = Annotated[str, lambda text: not text or is_time(text)]


def parse_document(text: str | bytes) -> dict[str, Any]:
    """Return a JSON object; one that says NaN or nests deeper than Python can follow is none.

    Raises:
        ValueError: it is none.
    """
    try:
        document = json.loads(text, parse_int=_whole, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(document, dict):
        raise ValueError("no object")  # noqa: TRY004 - as for all that is not a document
    return document


def record_from(cls: type[T], raw: object) -> T:
    """Return the dataclass of a JSON object.

    A field is ``str``, ``int``, ``float`` (finite), ``bool``, ``tuple[X, ...]``, ``Mapping[K, V]``, another
    such dataclass, ``Any``, or one of these with checks (``Annotated``).

    Raises:
        ValueError: a field is unknown, missing, of another type, or not in its form.
    """
    if not isinstance(raw, Mapping):
        raise ValueError(f"no {cls.__name__}")  # noqa: TRY004 - as for all that is not a record
    kinds, required = _fields(cls)
    if not required <= raw.keys() <= kinds.keys():
        wrong = ", ".join(sorted(map(str, (required - raw.keys()) | (raw.keys() - kinds.keys()))))
        raise ValueError(f"{cls.__name__}: keys missing or unknown: {wrong}")
    return cls(**{name: checked(kinds[name], value, name) for name, value in raw.items()})


def checked(kind: Any, value: object, name: str) -> Any:  # noqa: ANN401 - a type, and a value of it
    """Return a value as the kind of a field has it.

    Raises:
        ValueError: it is of another kind.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        made = checked(arguments[0], value, name)
        if all(holds(made) for holds in arguments[1:]):
            return made
    elif kind is Any:
        return value
    elif is_dataclass(kind):
        return record_from(kind, value)  # type: ignore[arg-type]
    elif origin is tuple:
        if isinstance(value, (list, tuple)):
            return tuple(checked(arguments[0], one, name) for one in value)
    elif origin is not None and issubclass(origin, Mapping):
        if isinstance(value, Mapping):
            of_key, of_value = arguments
            return {checked(of_key, key, name): checked(of_value, value[key], name) for key in value}
    elif _is_plain(kind, value):
        return float(value) if kind is float else value  # type: ignore[arg-type]
    raise ValueError(f"{name} is not what it must be")


def _is_plain(kind: type, value: object) -> bool:
    if kind is str:
        return isinstance(value, str) and _is_text(value)
    if kind is bool or isinstance(value, bool):
        return kind is bool and isinstance(value, bool)
    if kind is float and isinstance(value, float):
        return math.isfinite(value)
    return kind in (int, float) and isinstance(value, int) and -_MOST < value < _MOST


def _is_text(value: str) -> bool:
    """Return whether no call of the system would choke on it; a name on disk need not be UTF-8."""
    value.encode("utf-8", "surrogateescape")  # else a UnicodeEncodeError, which is a ValueError
    return "\0" not in value


@cache
def _fields(cls: type[DataclassInstance]) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the kinds of the fields by their names, and which must be there."""
    own = fields(cls)
    needed = (one.name for one in own if one.default is MISSING and one.default_factory is MISSING)
    kinds = get_type_hints(cls, include_extras=True)
    return {one.name: kinds[one.name] for one in own}, frozenset(needed)


def _whole(digits: str) -> int:
    if len(digits) > _DIGITS:  # Python before 3.11 takes minutes for millions of them
        raise ValueError("a number of too many digits")
    return int(digits)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no value of JSON")
