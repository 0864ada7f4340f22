"""What of a table differs from production's by more than its limit."""

from __future__ import annotations

import math

import pytest

from plugins.module_utils.reingest.dataset.limits import Limits
from plugins.module_utils.reingest.profile.compare import Pair, compared
from plugins.module_utils.reingest.profile.keys import Keys
from plugins.module_utils.reingest.profile.model import NUMBER, TEXT, TIME, ColumnProfile, TableProfile


def number(non_null, minimum="0", maximum="100"):
    return ColumnProfile("integer", NUMBER, non_null, minimum=minimum, maximum=maximum)


def text(non_null, size=None, **more):
    return ColumnProfile("text", TEXT, non_null, text_bytes=10 * non_null if size is None else size, **more)


def table(rows, disk=0, **columns):
    return TableProfile(rows, columns, ("id",), "0", disk)


def found(before, now, **more):
    limits = more.pop("limits", Limits())
    pair = Pair("sample", before, now, limits, more.pop("whole", {}), **more)
    return {finding.name: finding for finding in compared(pair)}


def test_what_is_as_in_production_or_grew_like_any_release_has_no_finding():
    before = table(1000, 8192, name=text(1000), depth=number(700), note=text(50))
    grown = table(1300, 9000, name=text(1290), depth=number(900, "-5", "250"), note=text(60))
    keys = Keys(980, 20, 320)
    assert found(before, before) == {}
    assert found(before, grown, keys=keys) == {}


def test_an_optional_key_that_was_renamed_in_the_source_is_found_by_default():
    one = found(table(964, note=text(200)), table(32230, note=text(0)), paths={"note": "geo_loc_name"})
    finding = one["emptied:sample.note"]
    assert (
        "has a value in 0 of 32230 rows (0.0%) where production has it in 200 of 964 (20.7%)"
        in finding.message
    )
    assert "100.0% fewer, and 20% is the limit" in finding.message
    assert "takes it from `geo_loc_name`" in finding.remedy
    assert "profile: {note: {emptied: ...}}" in finding.remedy
    assert finding.acceptance == "emptied:sample.note@200"


def test_rows_that_come_without_a_value_are_no_loss_of_values():
    assert "emptied:sample.note" not in found(table(1000, note=text(900)), table(1900, note=text(900)))


def test_a_null_that_became_a_text_is_found():
    before, now = table(10_000, note=text(973)), table(10_000, note=text(10_000, size=19_000))
    assert found(before, now).keys() == {"filled:sample.note", "shortened:sample.note"}
    assert "no value (NULL) in 0 of 10000 rows" in found(before, now)["filled:sample.note"].message


def test_rows_that_are_gone_with_what_they_had_are_told_of_once():
    gone = Keys(900, 100, 100)
    before, now = table(1000, note=text(400), born=text(920)), table(1000, note=text(310), born=text(1000))
    assert found(before, now, keys=gone).keys() == {"lost:sample"}
    assert found(before, now).keys() == {"emptied:sample.note", "filled:sample.born"}
    without = table(1000, note=text(0), born=text(920))
    before = table(1000, note=text(90), born=text(920))
    assert found(before, without, keys=gone).keys() == {"lost:sample", "emptied:sample.note"}


def test_texts_that_are_cut_or_emptied_are_found():
    one = found(table(100, note=text(100, 5000)), table(100, note=text(100, 0)))
    assert (
        "have 0.0 bytes on average where production's have 50.0: 100.0% fewer"
        in one["shortened:sample.note"].message
    )


def test_rows_that_are_gone_are_told_with_examples_once():
    keys = Keys(880, 120, 0, ("a", "b\x1b[2J", "c"), ())
    one = found(table(1000), table(880), keys=keys)
    assert one.keys() == {"shrink:sample"}
    message = one["shrink:sample"].message
    assert "has 880 rows where production has 1000: 12.0% fewer, and 5% is the limit" in message
    assert "120 keys are gone, for example a, b\\x1b[2J, c" in message
    assert one["shrink:sample"].acceptance == "shrink:sample@120"


def test_keys_that_were_exchanged_for_others_are_found_though_no_row_is_missing():
    one = found(table(1000), table(1000), keys=Keys(0, 1000, 1000, ("old-1",), ("new-1",)))
    assert one.keys() == {"lost:sample"}
    assert "lacks 1000 of production's 1000 keys (100.0%, and 5% is the limit), for example old-1" in (
        one["lost:sample"].message
    )
    assert "1000 keys are new, for example new-1" in one["lost:sample"].message


def test_a_table_of_links_is_told_of_by_what_it_links_unless_it_is_declared():
    pair = {"keys": Keys(800, 200, 200, ("(a,b)",)), "refers": frozenset({"id"})}
    assert found(table(1000), table(1000), **pair) == {}
    assert found(table(1000), table(1000), limits=Limits({"lost": 0.1}), **pair).keys() == {"lost:sample"}


def test_a_table_that_more_than_doubled_is_found():
    one = found(table(1000), table(2001))
    assert (
        "has 2001 rows where production has 1000: 100.1% more, and 100% is the limit"
        in one["growth:sample"].message
    )
    assert found(table(1000), table(2000)) == {}


def test_a_table_that_takes_far_more_room_a_row_is_found_where_it_matters():
    before, now = table(1000, 100 << 20), table(1000, 300 << 20)
    assert "200% more, and 100% is the limit" in found(before, now)["disk:sample"].message
    assert found(table(1000, 1 << 20), table(1000, 3 << 20)) == {}
    assert found(table(1000, 1 << 20), table(1000, 3 << 20), limits=Limits({"disk": 1})).keys() == {
        "disk:sample"
    }


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (("0", "300"), ("0", "3"), "it is 1.0% as long"),  # centimetres, then metres
        (("0", "3"), ("0", "300"), "further by 9900% of its length, and 1000% is the limit"),
        (("-5", "30"), ("268.2", "303.2"), "none of its values lies in between"),  # Celsius, then Kelvin
        (("0.5", "7"), ("-9999", "7"), "further by 153838% of its length"),  # a number that stands for none
    ],
)
def test_numbers_of_another_unit_and_numbers_that_stand_for_none_are_found(before, now, said):
    one = found(table(1000, depth=number(1000, *before)), table(1000, depth=number(1000, *now)))
    assert said in one["range:sample.depth"].message
    assert f"reaches from {now[0]} to {now[1]} where production's reaches from {before[0]}" in (
        one["range:sample.depth"].message
    )


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (("5", "5"), ("5", "900")),
        (("0", "10"), ("NaN", "NaN")),
        (("0", "Infinity"), ("0", "3")),
        (("0", "100"), ("0", "900")),
        (("0", "100"), ("10", "30")),
    ],
)
def test_a_range_that_means_nothing_or_is_that_of_any_release_has_no_finding(before, now):
    assert found(table(1000, depth=number(1000, *before)), table(1000, depth=number(1000, *now))) == {}


def times(minimum, maximum):
    return table(1000, at=ColumnProfile("date", TIME, 1000, minimum=minimum, maximum=maximum))


def test_later_times_are_those_of_a_release_and_times_of_another_age_are_found():
    before = times("2012-01-01", "2022-12-31")
    assert found(before, times("2012-01-01", "2023-06-30")) == {}
    assert (
        found(times("2026-01-01 10:00:00+00", "2026-01-01 10:00:02+00"), times("2026-03-01", "2026-03-01"))
        == {}
    )
    for one in (times("1970-01-01", "2022-12-31"), times("2012-01-01", "9999-12-31")):
        assert found(before, one).keys() == {"range:sample.at"}
    assert found(before, times("0044-03-15 BC", "infinity")) == {}


def test_numbers_of_keys_and_of_references_count_nothing():
    before, now = table(1000, other=number(1000)), table(1000, other=number(1000, "10000", "99999"))
    assert found(before, now).keys() == {"range:sample.other"}
    for kind in ("numbered", "refers"):
        assert found(before, now, **{kind: frozenset({"other"})}) == {}


def test_a_value_that_a_good_part_of_the_rows_had_is_missed():
    gone = {"kind": {"soil": 0.3, "w\x00ter": 0.1, "rare": 0.001}}
    one = found(table(1000, kind=text(1000)), table(1000, kind=text(1000)), vanished=gone)
    finding = one["vanished:sample.kind"]
    assert "has no row any more with soil (30.0%), w\\x00ter (10.0%), of which" in finding.message
    assert "rare" not in finding.message
    again = found(
        table(1000, kind=text(1000)),
        table(1000, kind=text(1000)),
        vanished={"kind": {"w\x00ter": 0.12, "soil": 0.28}},
    )
    assert again["vanished:sample.kind"].acceptance == finding.acceptance


def test_a_value_whose_rows_are_gone_is_not_told_of_beside_them():
    gone = {"kind": {"soil": 0.3}}
    lost = found(
        table(1000, kind=text(1000)), table(1400, kind=text(1400)), vanished=gone, keys=Keys(700, 300, 700)
    )
    assert lost.keys() == {"lost:sample"}


def test_defaults_are_not_for_small_tables_and_declared_limits_are():
    before, now = table(20, note=text(10)), table(4, note=text(0))
    assert found(before, now) == {}
    assert found(before, now, whole={"shrink": 0.05}).keys() == {"shrink:sample"}
    assert found(before, now, limits=Limits({"emptied": 0.0})).keys() == {"emptied:sample.note"}


def test_a_column_declares_its_own_limit_and_one_that_is_left_out_is_not_compared():
    before, now = (
        table(1000, a=text(900), b=text(900), c=text(900)),
        table(1000, a=text(0), b=text(0), c=text(0)),
    )
    limits = Limits(columns={"a": {"emptied": math.inf}}, left_out=frozenset({"b"}))
    assert found(before, now, limits=limits).keys() == {"emptied:sample.c"}


def test_of_a_table_without_rows_only_the_rows_are_told():
    assert found(table(1000, a=text(900)), table(0, a=text(0))).keys() == {"shrink:sample"}
    assert found(table(0, a=text(0)), table(1000, a=text(900))) == {}
