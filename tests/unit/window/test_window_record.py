"""What a window writes down, and what it says to a run that comes back to life."""

from __future__ import annotations

import itertools
import json
import stat

import pytest
from interruption import killed_at

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.reporting.volume_info import describe
from plugins.module_utils.reingest.window.describe import describe_window
from plugins.module_utils.reingest.window.window_record import (
    DamagedWindow,
    read_window,
    refuse_closed,
    remove_window,
    services,
    stored,
    write_window,
)

SECRET = "correct-horse-battery"
SERVER = {
    "name": "db",
    "kind": "postgresql",
    "data": "/srv/pg/prod",
    "linked": True,
    "health": {"postgresql": f"postgresql://portal:{SECRET}@db/portal", "database": "", "container": False},
}


def test_it_is_read_as_it_was_written_and_by_its_account_alone(records, make_window):
    window = make_window(
        production=stored([SERVER]), writers=({"name": "backend", "health": {"http": "http://b"}},)
    )
    write_window(records, window)
    assert read_window(records) == window
    assert stat.S_IMODE((records / "window.json").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "login",
    [
        f"postgresql://portal:{SECRET}@db/portal",
        f"host=db user=portal password={SECRET}",
        "postgresql://db/portal",
    ],
)
def test_no_connection_string_is_written(records, make_window, login):
    server = {**SERVER, "health": {"postgresql": login, "database": "postgres"}}
    write_window(records, make_window(production=stored([server])))
    text = (records / "window.json").read_text()
    assert SECRET not in text
    assert "portal@" not in text
    (read,) = services(read_window(records).production)
    assert read.health.ready
    assert not read.health.postgresql


def test_a_health_check_without_a_login_stays(records, make_window):
    server = {**SERVER, "health": {"tcp": "db:5432", "postgresql": f"postgresql://a:{SECRET}@db/a"}}
    (read,) = services(stored([server]))
    assert read.health.tcp == "db:5432"
    assert not read.health.ready


def test_none_is_open_where_there_is_no_record(records):
    assert read_window(records) is None


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"version": 1}', '{"version": 1, "run": "x", "more": 1}']
)
def test_garbage_is_told_from_a_window(records, content):
    records.mkdir(parents=True)
    (records / "window.json").write_text(content)
    with pytest.raises(Refusal):
        read_window(records)


def test_a_damaged_record_names_recover(records):
    records.mkdir(parents=True)
    (records / "window.json").write_text('{"version": 1, "ru')
    with pytest.raises(DamagedWindow, match=r"recover\.yml"):
        read_window(records)


def test_a_record_of_a_later_version_is_refused(records, make_window):
    write_window(records, make_window())
    path = records / "window.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": 2}))
    with pytest.raises(Refusal, match="is of version 2, this reingest knows 1"):
        read_window(records)


def test_the_run_whose_window_is_open_may_go_on(records, make_window):
    write_window(records, make_window())
    refuse_closed(records, "x")


def test_another_run_may_not(records, make_window):
    write_window(records, make_window())
    with pytest.raises(Refusal, match="the window of run y is not open on this host"):
        refuse_closed(records, "y")


def test_a_run_whose_window_was_closed_is_told_by_whom(records, make_window):
    window = make_window()
    write_window(records, window)
    remove_window(records, window, by="its watchdog", at="2026-11-24T10:01:00+00:00", live="20261101T000000Z")
    with pytest.raises(
        Refusal, match=r"run x was closed by its watchdog at 2026-11-24T10:01:00.*nothing was done"
    ):
        refuse_closed(records, "x")


class TestOnTheVolume:
    def test_nothing_is_said_where_none_is_open(self, site):
        assert describe_window(site.volume.root) is None

    def test_an_open_one_is_described_from_the_volume_alone(self, site, records, make_window):
        site.volume.records.mkdir(exist_ok=True)
        window = make_window(volume=str(site.volume.root))
        write_window(records, window)
        found = describe_window(site.volume.root)
        assert describe(site.volume)["window"] == found
        assert found["run"] == "x"
        assert found["since"] == window.since
        assert found["snapshot"] == window.snapshot
        assert found["watched"] is False
        assert found["rebooted"] is False

    def test_a_closed_one_is_not(self, site, records, make_window):
        site.volume.records.mkdir(exist_ok=True)
        window = make_window(volume=str(site.volume.root))
        write_window(records, window)
        note = (site.volume.records / "window.json").read_text()
        remove_window(records, window, by="run x", at="now", live="")
        assert describe_window(site.volume.root) is None
        (site.volume.records / "window.json").write_text(note)  # died between the record and the note
        assert describe_window(site.volume.root) is None

    def test_closing_that_dies_leaves_an_open_window_or_nothing(self, site, records, make_window):
        site.volume.records.mkdir(exist_ok=True)
        window = make_window(volume=str(site.volume.root))

        def close():
            remove_window(records, window, by="run x", at="now", live="")

        for step in itertools.count():
            write_window(records, window)
            if not killed_at(step, close):
                break
            # While it is open the next one closes it again, the note with it.
            assert read_window(records) == window or not (site.volume.records / "window.json").exists()
        assert step > 4
        assert read_window(records) is None
        assert [path for path in site.volume.records.iterdir() if "window" in path.name] == []

    def test_a_note_that_is_none_is_a_fault(self, site):
        site.volume.records.mkdir(exist_ok=True)
        (site.volume.records / "window.json").write_text("{")
        assert describe_window(site.volume.root)["fault"]
