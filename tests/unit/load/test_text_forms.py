"""Which texts need not be asked of the server: only those that it would write the same."""

import struct

import pytest

from plugins.module_utils.reingest.load.text_forms import double_bits, written_form

GOOD = {
    "integer": ["0", "-7", "12", "100", r"\N"],
    "bigint": ["9223372036854775807"],
    "numeric": ["0", "0.10", "-1.5", "12345678901234567890.000", r"\N"],
    "date": ["2021-02-28", r"\N"],
    "timestamp without time zone": ["2021-02-28 23:59:59"],
    "timestamp with time zone": ["2021-02-28 00:00:00+00", r"\N"],
    "uuid": ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
}
OTHER = {
    "integer": ["007", "-0", "-01", "+5", " 5", "1.0", "٣x"],
    "numeric": ["-0", "-0.0", "00.5", ".5", "1e5", "5."],
    "date": ["2021-2-8", "20210208", "infinity", "2021-02-08 BC", ""],
    "timestamp without time zone": [
        "2021-02-28T23:59:59",
        "2021-02-28 24:00:00",
        "2021-02-28 23:59:60",
        "2021-02-28 23:59:59.50",
        "2021-02-28",
    ],
    "timestamp with time zone": ["2021-02-28 00:00:00+01", "2021-02-28 00:00:00Z", "2021-02-28 00:00:00"],
    "uuid": ["A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}"],
}


@pytest.mark.parametrize("type_", GOOD)
def test_values_in_the_servers_own_form_are_known(type_):
    assert written_form(type_, "UTC")("\n".join(GOOD[type_]))


@pytest.mark.parametrize(
    ("type_", "text"), [(type_, text) for type_, texts in OTHER.items() for text in texts]
)
def test_a_value_in_another_form_is_not_even_among_good_ones(type_, text):
    told = written_form(type_, "UTC")
    assert not told("\n".join([*GOOD[type_], text]))
    assert not told("\n".join([text, *GOOD[type_]]))


def test_a_time_with_a_zone_is_known_only_where_the_session_writes_it_so():
    assert written_form("timestamp with time zone", "Europe/Berlin") is None
    assert written_form("jsonb", "UTC") is None
    assert written_form("numeric(12,2)", "UTC") is None


def test_doubles_are_compared_by_their_bits_and_null_stays():
    bits = struct.pack(">d", 0.1).hex()
    assert double_bits(["0.1", r"\N", "1e-1"]) == [bits, r"\N", bits]
    assert double_bits(["-0.0"]) != double_bits(["0.0"])


@pytest.mark.parametrize("text", ["inf", "NaN", "-Infinity", "1e400", "many", ""])
def test_what_is_no_plain_number_is_asked(text):
    assert double_bits(["0.1", text]) is None
