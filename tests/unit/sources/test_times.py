"""Dates beyond Python's own, as PostgreSQL writes them."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.module_utils.reingest.sources.times import written_date, written_time

EPOCH = datetime.datetime(1970, 1, 1)  # noqa: DTZ001 - of times without a zone


@given(st.dates())
def test_a_date_that_python_has_is_written_as_python_writes_it(day):
    assert written_date((day - EPOCH.date()).days) == day.isoformat()


@given(st.datetimes())
def test_a_time_that_python_has_is_written_as_python_writes_it(moment):
    microseconds = (moment - EPOCH) // datetime.timedelta(microseconds=1)
    assert written_time(microseconds) == moment.isoformat(" ")


@pytest.mark.parametrize(
    ("days", "text"),
    [  # as PostgreSQL says of `date '1970-01-01' + days`
        (-800_000, "0222-09-04 BC"),
        (-719_163, "0001-12-31 BC"),
        (-719_162, "0001-01-01"),
        (2_932_896, "9999-12-31"),
        (2_932_897, "10000-01-01"),
        (3_000_000, "10183-09-21"),
    ],
)
def test_a_date_that_python_has_not_is_written_as_postgresql_writes_it(days, text):
    assert written_date(days) == text


def test_the_zone_stands_before_the_era():
    assert written_time(-(10**17) + 5, "+00:00") == "1200-02-15 14:13:20.000005+00:00 BC"
