import datetime
import decimal
import json
import uuid

import pytest

from plugins.module_utils.reingest.sources.values import plain

EAST = datetime.timezone(datetime.timedelta(hours=5, minutes=45))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            datetime.datetime(2020, 2, 29, 1, 2, 3, 4000, EAST).replace(tzinfo=None),
            "2020-02-29 01:02:03.004000",
        ),
        (datetime.datetime(2020, 2, 29, tzinfo=EAST), "2020-02-29 00:00:00+05:45"),
        (datetime.date(1, 1, 1), "0001-01-01"),
        (datetime.time(23, 59, 59), "23:59:59"),
        (datetime.timedelta(days=1, seconds=2, microseconds=3), "P1DT2.000003S"),
        (datetime.timedelta(seconds=-90), "P-0DT-90S"),
        (decimal.Decimal("1.00"), "1.00"),
        (decimal.Decimal("1E+20"), "100000000000000000000"),
        (decimal.Decimal("NaN"), "NaN"),
        (float("-inf"), "-Infinity"),
        (b"\x00\xff", "\\x00ff"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ((1, None, {True: 2.5}), [1, None, {"True": 2.5}]),
    ],
)
def test_a_value_becomes_what_json_and_postgresql_read(value, text):
    assert plain(value) == text
    json.dumps(plain(value), allow_nan=False)


def test_a_type_without_a_text_is_told():
    with pytest.raises(ValueError, match="a value of type object has no text"):
        plain(object())
