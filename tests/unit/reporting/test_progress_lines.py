from __future__ import annotations

import pytest
from unit.load.states import load, table

from plugins.module_utils.reingest.reporting.progress_lines import (
    clock,
    load_lines,
    progress_lines,
    remaining,
    table_line,
    total_line,
)

MIB = 1 << 20
FOUR = (
    table("study", "done", 12, 900, 900, 0.1),
    table("biosample", "loading", 19_982_112, 1200 * MIB, 1900 * MIB, 48.5),
    table("server", "indexing", 700, 0, 0, 4.0),
    table("activity", "waiting", 0, 0, 400 * MIB, 0.0),
)
LOAD = load(*FOUR, fill_seconds=48.5)


def test_each_table_has_a_line_with_straight_columns_and_the_sum_comes_last():
    assert progress_lines(LOAD) == [
        "study      [##############]  100%          12 rows               900 B  "
        "                done in 0:00:00",
        "biosample  [########------]   63%  19,982,112 rows  1.2 GiB of 1.9 GiB  412,002 rows/s  ETA 0:00:28",
        "server     [??????????????]               700 rows                          175 rows/s  indexing",
        "activity   [--------------]    0%                                                       waiting",
        "total      [??????????????]        19,982,824 rows             1.2 GiB  "
        "412,017 rows/s  copy, 0:01:00, 1 of 4 tables done",
    ]


def test_status_says_of_a_silent_load_that_lives_how_long_and_how_to_end_it():
    assert load_lines(LOAD, "running", 29.0)[0].endswith(": under way")
    assert load_lines(LOAD, "running", 312.0)[0].endswith(
        f": under way; no sign of life for 312 s; its process {LOAD.process} lives: wait, or end it with "
        "playbooks/stop.yml"
    )


@pytest.mark.parametrize("width", [40, 60, 79, 100, 120, 200])
def test_no_line_is_longer_than_the_terminal_and_the_time_left_stays(width):
    lines = progress_lines(LOAD, width)
    assert max(map(len, lines)) <= width
    assert len(lines) == 5
    assert lines[1].startswith("biosample ")
    assert "63%" in lines[1]
    assert lines[1].endswith("ETA 0:00:28")


def test_a_narrow_terminal_gives_up_bytes_first_and_the_bar_later():
    assert "[#####---]" in progress_lines(LOAD, 82)[1]
    assert "GiB" not in progress_lines(LOAD, 82)[1]
    assert "412,002 rows/s" in progress_lines(LOAD, 82)[1]


def test_of_many_tables_those_at_work_are_shown_in_their_order():
    tables = [table(f"t{number}", "waiting", 0, 0) for number in range(20)]
    tables[3] = table("t3", "done")
    tables[15] = table("t15", "loading")
    tables[17] = table("t17", "indexing")
    names = [line.split()[0] for line in progress_lines(load(*tables), most=3)]
    assert names == ["t3", "t15", "t17", "total"]


def test_the_share_of_a_table_that_is_still_read_is_never_all_of_it():
    assert "99%" in table_line(table("study", "loading", size=1000))
    assert "100%" in table_line(table("study", "done", size=1000))


def test_the_total_says_phase_time_and_rate():
    assert total_line(load(table(), table("study", "done"))) == (
        "total  [########------]  60%  2,000 rows  1.2 KiB of 2.0 KiB  200 rows/s  ETA 0:00:07"
        "  copy, 0:01:00, 1 of 2 tables done"
    )


def test_the_portals_own_loader_has_its_last_line_instead_of_tables():
    shown = total_line(load(phase="loader", line="loaded 2 of 3 studies"))
    assert shown == "total  loader, 0:01:00: loaded 2 of 3 studies"


@pytest.mark.parametrize(
    ("done", "total", "seconds", "left"),
    [
        (600, 1000, 10, pytest.approx(6.667, abs=0.001)),
        (1000, 1000, 10, None),  # nothing is left
        (1200, 1000, 10, None),  # the source grew
        (0, 1000, 10, None),
        (600, 0, 10, None),  # nobody knows how much there is
        (600, 1000, 1, None),  # too early
    ],
)
def test_the_time_left_follows_from_the_rate_until_now(done, total, seconds, left):
    assert remaining(done, total, seconds) == left


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00:00"), (59.6, "0:01:00"), (3661, "1:01:01")])
def test_times_are_hours_minutes_and_seconds(seconds, text):
    assert clock(seconds) == text


def test_status_says_whose_load_it_is_and_where():
    head = load_lines(LOAD, "running")[0]
    assert head.startswith("load of run run-1 by 0000-0002-1825-0097, begun 2026-11-23T11:45:00")
    assert "process 4711 on " in head
    assert head.endswith("under way")


def test_status_says_when_a_load_died_and_promises_nothing_of_it():
    head, *lines = load_lines(LOAD, "died")
    assert "died at 2026-11-23T11:46:00.000+00:00 in phase copy" in head
    assert lines[1].endswith("lost")
    assert not any("ETA" in line for line in lines)


def test_status_says_why_a_load_failed():
    failed = load(table(), state="failed", message="source book.csv does not exist")
    assert (
        "failed at 2026-11-23T11:46:00.000+00:00: source book.csv does not exist"
        in load_lines(failed, "failed")[0]
    )
