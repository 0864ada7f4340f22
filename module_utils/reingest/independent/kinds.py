"""What two readers can compare of a column: figures that PostgreSQL and DuckDB make alike, by kind of value.

Sums do not depend on an order and are exact. Of a double it is the sum of its bits as a fixed-point number
(down to 2^-32 below 2^30, whole numbers above), of a time the sum of 2^-19 seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SHOWN = 64  # characters of a smallest or largest text that are compared

# How figures are compared: one that grows with each row, one that only adds up, the ends of a range.
COUNT, SUM, LEAST, GREATEST = "count", "sum", "least", "greatest"


@dataclass(frozen=True)
class Figure:
    """One figure of a column.

    Args:
        how: how it is compared.
        table: what makes it in PostgreSQL, of the column ``{x}``.
        source: what makes it in DuckDB, of the value ``{x}``.
    """

    how: str
    table: str
    source: str


@dataclass(frozen=True)
class Kind:
    """What the values of a column are.

    Args:
        name: as a person reads it.
        source: makes the value in DuckDB of what the source has, ``{x}``; NULL where it cannot.
        figures: by names that a person reads.
        ends: further ones, for a table from which rows were left out: there a sum says nothing.
        measure: a whole number of the value ``{x}``, in PostgreSQL and in DuckDB, for the figure of whole
            rows; empty: it takes no part.
        texts: whether its smallest and largest values are texts, else numbers.
    """

    name: str
    source: str = "{x}"
    figures: Mapping[str, Figure] = field(default_factory=dict)
    ends: Mapping[str, Figure] = field(default_factory=dict)
    measure: tuple[str, str] = ("", "")
    texts: bool = False

    def asked(self, *, left_out: bool) -> dict[str, Figure]:
        """Return the figures that are made, of a table from which rows were left out or of a whole one."""
        if not left_out:
            return dict(self.figures)
        return {name: figure for name, figure in {**self.figures, **self.ends}.items() if figure.how != SUM}


def of(template: str, value: str) -> str:
    """Return the expression that a template makes of another one."""
    return template.replace("{x}", value)


def _range(table: str, source: str = "{x}", *, unit: str = "value", inside: str = "{x}") -> dict[str, Figure]:
    """Return the figures for both ends of a range; the templates are of the end, ``inside`` is of a value."""
    return {
        f"{word} {unit}": Figure(how, of(table, f"{best}({inside})"), of(source, f"{best}({{x}})"))
        for word, how, best in (("smallest", LEAST, "min"), ("largest", GREATEST, "max"))
    }


_CUT = "left({x}, " + str(SHOWN) + ")"
_LENGTH = ("octet_length({x})", "strlen({x})")


def _text(of_table: str) -> dict[str, Figure]:
    return {
        "bytes": Figure(COUNT, of("sum(octet_length({x}))", of_table), "sum(strlen({x}))"),
        **_range(_CUT, _CUT, inside=f'{of_table} COLLATE "C"'),
    }


_FIXED = (
    "sum(CASE WHEN abs({x}) < 1073741824 THEN floor({x} * CAST('4294967296' AS DOUBLE PRECISION))::bigint"
    " WHEN abs({x}) < 1e18 THEN floor({x})::bigint END)"
)
_SINCE = "CASE WHEN isfinite({x}) THEN {x} - date '1970-01-01' END"
_SECONDS = "CASE WHEN isfinite({x}) THEN date_part('epoch', {x}) END"
_TICKS = "sum(floor({x} * 524288)::bigint)"
_EPOCH = "CASE WHEN isfinite(TRY_CAST({x} AS T)) THEN epoch_us(TRY_CAST({x} AS T))::DOUBLE / 1000000 END"


def _sum(table: str, source: str = "sum({x})", *, unit: str = "sum") -> dict[str, Figure]:
    return {unit: Figure(SUM, table, source)}


def _double(name: str, source: str, of_table: str) -> Kind:
    fixed = _FIXED.replace("DOUBLE PRECISION", "DOUBLE")
    return Kind(name, source, _sum(of(_FIXED, of_table), fixed), _range(of_table))


def _time(source: str) -> Kind:
    figures = _sum(of(_TICKS, _SECONDS), _TICKS, unit="sum of seconds since 1970")
    return Kind("time", source, figures, _range(_SECONDS, unit="second since 1970"))


TEXT = Kind("text", "{x}", _text("{x}"), measure=_LENGTH, texts=True)
# Of fixed length: blanks at the end are no part of the value.
PADDED = Kind("text", "rtrim({x}, ' ')", _text("{x}::text"), texts=True)
LABEL = Kind("text", "{x}", _text("{x}::text"), texts=True)  # of an enum
UUID = Kind("text", "TRY_CAST({x} AS UUID)::VARCHAR", _text("{x}::text"), texts=True)
WHOLE = Kind(
    "whole number",
    "TRY_CAST({x} AS BIGINT)",
    _sum("sum({x})"),
    _range("{x}"),
    ("{x}", "{x}"),
)
DOUBLE = _double("number", "TRY_CAST({x} AS DOUBLE)", "{x}")
REAL = _double("number", "TRY_CAST({x} AS FLOAT)::DOUBLE", "{x}::double precision")
TRUTH = Kind(
    "truth",
    "TRY_CAST({x} AS BOOLEAN)",
    {"true values": Figure(COUNT, "count(*) FILTER (WHERE {x})", "count(*) FILTER (WHERE {x})")},
    measure=("{x}::integer", "{x}::integer"),
)
DATE = Kind(
    "date",
    "TRY_CAST({x} AS DATE)",
    _sum(f"sum({_SINCE})", f"sum({_SINCE})", unit="sum of days since 1970"),
    _range(_SINCE, _SINCE, unit="day since 1970"),
)
TIMESTAMP = _time(_EPOCH.replace("AS T)", "AS TIMESTAMP)"))
INSTANT = _time(_EPOCH.replace("AS T)", "AS TIMESTAMPTZ)"))
BYTES = Kind("bytes", "{x}", {"bytes": Figure(COUNT, "sum(octet_length({x}))", "sum(octet_length({x}))")})
PRESENT = Kind("any")  # it is only known how many are not NULL

_BY_TYPE = {
    **dict.fromkeys(("text", "varchar", "name"), TEXT),
    "bpchar": PADDED,
    **dict.fromkeys(("int2", "int4", "int8"), WHOLE),
    "float8": DOUBLE,
    "float4": REAL,
    "bool": TRUTH,
    "date": DATE,
    "timestamp": TIMESTAMP,
    "timestamptz": INSTANT,
    "uuid": UUID,
    "bytea": BYTES,
}
_HEADER = 4  # what is added to the modifier of a numeric
_MICROSECONDS = 6  # digits behind the point
_PLACES = 10  # behind the point, of numbers that declare none, or more


def kind_of(type_: str, *, enum: bool = False, modifier: int = -1) -> Kind:
    """Return the kind of a column.

    Args:
        type_: its type's name in ``pg_type``, of a domain that of the type below it.
        enum: whether it is one.
        modifier: what the column declares of its type (``atttypmod``); below 0: nothing.
    """
    if enum:
        return LABEL
    if type_ == "numeric":
        return _decimal(_places(modifier))
    if type_ in ("timestamp", "timestamptz") and modifier in range(_MICROSECONDS):
        return PRESENT  # PostgreSQL rounds them
    return _BY_TYPE.get(type_, PRESENT)


def _places(modifier: int) -> int | None:
    """Return the digits behind the point that a numeric declares; None where it declares none."""
    if modifier < _HEADER:
        return None
    places = (modifier - _HEADER) & 0x7FF
    return places - 0x800 if places & 0x400 else places


def _decimal(places: int | None) -> Kind:
    kept = _PLACES if places is None else max(0, min(places, _PLACES))
    rounded = "round({x}, " + str(kept) + ")"
    source = "TRY_CAST({x} AS DECIMAL(38, " + str(kept) + "))"
    return Kind("decimal", source, _sum(f"sum({rounded})"), _range(rounded))
