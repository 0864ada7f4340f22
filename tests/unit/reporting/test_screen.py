from __future__ import annotations

from unit.load.states import load, table

from plugins.module_utils.reingest.reporting.screen import Screen


def shown(states, **options):
    written = []
    screen = Screen("worker", written.append, **options)
    for state in states:
        screen.show(state)
    return written


def second_by_second(until, *tables):
    return [load(*(tables or [table()]), seconds=float(second)) for second in range(until + 1)]


def test_a_log_gets_lines_ever_more_seldom_each_with_the_host():
    lines = shown(second_by_second(240))
    assert all(line.startswith("worker: total  [") for line in lines)
    times = [line.split("copy, ")[1].split(",")[0] for line in lines]
    assert times == ["0:00:01", "0:00:06", "0:00:21", "0:00:51", "0:01:51", "0:02:51", "0:03:51"]


def test_a_log_of_a_quick_load_has_its_end_and_little_else():
    states = [*second_by_second(3), load(table(state="done", seconds=2.0), seconds=3.5, state="finished")]
    assert len(shown(states)) == 2
    assert "finished, 0:00:04" in shown(states)[-1]
    assert shown([load(seconds=0.1), load(seconds=0.5, state="finished")]) == []


def test_a_log_names_a_table_that_is_done_once_if_it_took_its_time():
    tables = table("long", "done", seconds=6.0), table("short", "done", seconds=1.0), table("other")
    lines = shown(second_by_second(4, *tables))
    assert [line.split()[1] for line in lines if "done in" in line] == ["long"]


def test_a_terminal_has_one_frame_that_is_drawn_in_place_of_the_one_before():
    first, *rest = shown(second_by_second(3, table("a"), table("b", "waiting")), size=(100, 24))
    assert first.count("\n") == 2
    assert not first.startswith("\x1b[3A")
    assert len(rest) == 2
    assert all(frame.startswith("\x1b[3A\r\x1b[J") for frame in rest)


def test_a_frame_is_no_larger_than_the_terminal():
    tables = [table(f"t{number}") for number in range(30)]
    frame = shown(second_by_second(1, *tables), size=(60, 9))[0]
    lines = frame.removeprefix("\r\x1b[J").split("\n")
    assert len(lines) == 6
    assert max(map(len, lines)) < 60


def test_a_note_stays_and_the_next_frame_comes_below_it():
    written = []
    screen = Screen("worker", written.append, size=(100, 24))
    screen.show(load(table()))
    screen.note("no answer")
    screen.show(load(table()))
    assert written[1] == "worker: no answer"
    assert not written[2].startswith("\x1b[")


def test_nothing_is_shown_where_that_is_asked_for():
    assert shown(second_by_second(30), quiet=True) == []
