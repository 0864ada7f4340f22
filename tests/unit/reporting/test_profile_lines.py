"""Profiles in the report."""

from __future__ import annotations

from plugins.module_utils.reingest.reporting.profile_lines import profile_lines


def column(now, before):
    return {"now": {"filled": now}, "before": {"filled": before}}


SAMPLE = {
    "rows": 32230,
    "rows_before": 964,
    "keys_lost": 555,
    "keys_new": 31821,
    "disk": 41_000_000,
    "disk_before": 1_200_000,
    "columns": {"place": column(0.0, 0.207), "name": column(1.0, 0.995)},
}


def test_a_table_has_a_line_and_so_has_a_column_that_is_filled_otherwise():
    assert profile_lines({"sample": SAMPLE}) == [
        "table                            rows   production  keys lost   keys new        MB production",
        "sample                         32,230          964        555     31,821      41.0        1.2",
        "column                                      filled production",
        "sample.place                                  0.0%      20.7%",
    ]


def test_of_many_columns_those_that_differ_most_are_shown():
    many = {f"c{number}": column(0.0, number / 100) for number in range(2, 40)}
    lines = profile_lines({"sample": {**SAMPLE, "columns": many}})
    assert lines[3].startswith("sample.c39 ")
    assert lines[-1] == "and 18 more columns: report.json"


def test_what_is_not_known_is_left_open():
    assert profile_lines({"a": {}, "b": {"rows": "x", "columns": {"c": {"now": 3}}}})[1:] == [
        f"{name:<24} {'-':>12} {'-':>12} {'-':>10} {'-':>10} {'-':>9} {'-':>10}" for name in "ab"
    ]
    assert profile_lines({}) == []
