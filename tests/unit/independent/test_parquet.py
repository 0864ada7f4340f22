"""DuckDB reads of Parquet what has one meaning in a column of PostgreSQL; of the rest it is said why not."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pyarrow
import pyarrow.parquet
import pytest

from plugins.module_utils.reingest.dataset.model import Column, Condition
from plugins.module_utils.reingest.independent.engine import UnreadableError
from plugins.module_utils.reingest.independent.kinds import (
    BYTES,
    DATE,
    DOUBLE,
    INSTANT,
    TEXT,
    TIMESTAMP,
    WHOLE,
    kind_of,
)
from plugins.module_utils.reingest.independent.part import NotFollowedError

NOON = datetime.datetime(2020, 1, 1, 12, tzinfo=datetime.timezone.utc)
RECORDS = [
    {
        "whole": 2,
        "decimal": Decimal("1.10"),
        "double": 0.5,
        "text": "é",
        "bytes": b"\xff\x00",
        "day": NOON.date(),
        "at": NOON,
        "inner": {"deep": 7, "deeper": {"text": "x"}},
        "list": [1],
    },
    dict.fromkeys(("whole", "decimal", "double", "text", "bytes", "day", "at", "inner", "list")),
]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(RECORDS), path)
    return path


def column(read, file, path, kind):
    return read([file], {"c": kind}, kind="parquet", columns=(Column("c", (path,)),)).columns["c"]


@pytest.mark.parametrize(
    ("path", "kind", "figure"),
    [
        ("whole", WHOLE, "2"),
        ("whole", TEXT, "1"),
        ("whole", DOUBLE, str(2 << 32)),
        ("decimal", kind_of("numeric"), "1.1000000000"),
        ("double", kind_of("numeric"), "0.5000000000"),
        ("double", DOUBLE, str(1 << 31)),
        ("text", TEXT, "2"),
        ("bytes", BYTES, "2"),
        ("day", DATE, "18262"),
        ("at", INSTANT, str(int(NOON.timestamp()) << 19)),
        ("inner.deep", WHOLE, "7"),
        ("inner.deeper.text", TEXT, "1"),
    ],
)
def test_values_are_those_that_the_column_has(read, file, path, kind, figure):
    found = column(read, file, path, kind)
    assert (found.values, next(iter(found.figures.values())), found.why_not) == (1, figure, "")


@pytest.mark.parametrize(
    ("path", "kind", "why"),
    [
        ("double", TEXT, "DOUBLE becomes a text in more than one way"),
        ("at", TIMESTAMP, "TIMESTAMP WITH TIME ZONE becomes a time in more than one way"),
        ("day", INSTANT, "DATE becomes a time in more than one way"),
        ("decimal", DOUBLE, "DECIMAL(3,2) becomes a number in more than one way"),
        ("list", kind_of("_int8"), "values of its type are written in more than one way"),
    ],
)
def test_of_values_that_have_several_meanings_only_nulls_are_counted(read, file, path, kind, why):
    found = column(read, file, path, kind)
    assert (found.values, found.figures) == (1, {})
    assert found.why_not == why


def test_records_of_other_tables_are_left_out(read, file):
    where = (Condition("text", ("é", "x")), Condition("inner.deep", (7,)))
    assert read([file], {"whole": WHOLE}, kind="parquet", where=where).rows == 1
    nothing = (Condition("text", (None,)), Condition("absent", (None,)))
    assert read([file], {"whole": WHOLE}, kind="parquet", where=nothing).rows == 1


def test_a_condition_that_means_nothing_is_not_followed(read, file):
    with pytest.raises(NotFollowedError, match=r"`where:` compares double, of type DOUBLE, with 0\.5"):
        read([file], {"whole": WHOLE}, kind="parquet", where=(Condition("double", (0.5,)),))


def test_a_file_that_is_none_is_told(read, tmp_path):
    path = tmp_path / "t.parquet"
    path.write_bytes(b"PAR1 and nothing else that a Parquet file has PAR1")
    with pytest.raises((UnreadableError, NotFollowedError), match=r"t\.parquet"):
        read([path], {"whole": WHOLE}, kind="parquet")
