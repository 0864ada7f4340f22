"""One host's recovery, with plain processes as its services and a volume whose directories nobody serves."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from plugins.module_utils.reingest.engines.model import Health, Service
from plugins.module_utils.reingest.engines.process.engine import ProcessEngine
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.promotion.journal import Intent, open_intent, place_of
from plugins.module_utils.reingest.volume.ledger import survey_ledger
from plugins.module_utils.reingest.volume.lock import Claim, claim, release
from plugins.module_utils.reingest.window.host import Host
from plugins.module_utils.reingest.window.host_recovery import recover_host
from plugins.module_utils.reingest.window.interrupted import interrupted
from plugins.module_utils.reingest.window.window_record import read_window, write_window

A, B = "20261101T000000Z", "20261102T000000Z"
OPERATOR = "0000-0002-1825-0097"
SLEEP = ("sleep", "600")
BROKEN = Health(tcp="127.0.0.1:1")  # nobody listens there


def service(name, *, health=None, command=SLEEP):
    return Service(name, command=command, health=health or Health())


@pytest.fixture
def make_host(site, records):
    """Return ``make(**changes)``: the host of the volume; what runs at the end is ended."""
    made = []

    def make(**changes):
        given = {
            "records": records,
            "engine": ProcessEngine(records),
            "volume": site.volume,
            "production": (service("db"),),
            "staging": (service("db-ingest"),),
            "writers": (service("backend"),),
            "stop_timeout": 5.0,
            "start_timeout": 0.5,
        }
        host = Host(**{**given, **changes})
        made.append(host)
        return host

    yield make
    for host in made:
        for one in host.production + host.staging + host.writers:
            host.engine.stop(one, 5.0)


def running(host):
    every = host.production + host.staging + host.writers
    return {one.name for one in every if host.engine.running(one)}


def cut_short(site, make_window, records, **changes):
    """Serve A, and open a window for the promotion of the load B."""
    site.serve(A)
    site.load(B)
    window = make_window(volume=str(site.volume.root), snapshot=B, previous=A, run="dead", **changes)
    write_window(records, window)
    claim(site.volume, Claim("next", OPERATOR, "", 0, "", "2026-11-24T10:00:00+00:00"), take_over="load")
    return window


def recover(host, window, **more):
    return recover_host(host, window, run="next", operator=OPERATOR, **more)


def test_nothing_is_interrupted_where_nothing_was_begun(site):
    site.serve(A)
    assert not interrupted(None, site.volume)
    assert not interrupted(None, None)


def test_before_the_rename_of_prod_it_goes_back_and_starts_all(site, make_host, make_window, records):
    window = cut_short(site, make_window, records)
    open_intent(site.volume, Intent("dead", OPERATOR, "ingest", B, A, "ingest", place_of(site.volume.ingest)))
    assert interrupted(None, site.volume)
    host = make_host()
    found = recover(host, window)
    assert (found.live, found.faults) == (A, ())
    assert running(host) == {"db", "db-ingest", "backend"}
    assert not site.ledger.good(B)
    assert not interrupted(None, site.volume)


def test_after_it_it_goes_forward_and_says_that_the_snapshot_is_good(site, make_host, make_window, records):
    window = cut_short(site, make_window, records)
    site.promote(run="dead")
    host = make_host()
    found = recover(host, window)
    assert (found.live, found.faults, found.taken_back) == (B, (), "")
    assert found.did == ("start db", "start backend", "start db-ingest")
    assert site.events()[-1] == ("good", B)
    again = recover(host, window)
    assert (again.live, again.did) == (B, ())
    assert site.events().count(("good", B)) == 1


@pytest.mark.attack
@pytest.mark.parametrize(
    "line", [b"garbage", b"\xff\xfe\x00", b'{"version": 9}', b'{"version": 2, "state": "good"}']
)
def test_lines_that_somebody_put_into_the_ledger_keep_no_portal_down(
    site, make_host, make_window, records, line
):
    window = cut_short(site, make_window, records)
    site.promote(run="dead")
    lines = site.volume.ledger.read_bytes().splitlines()
    site.volume.ledger.write_bytes(b"\n".join([line, *lines, line]) + b"\n")
    health = make_host(production=(service("db", health=BROKEN),))
    assert recover(health, window).live == A
    assert running(health) == {"db", "db-ingest", "backend"}
    assert survey_ledger(site.volume)[0].bad(B)


@pytest.mark.attack
def test_they_do_not_keep_it_from_going_forward_either(site, make_host, make_window, records):
    window = cut_short(site, make_window, records)
    site.promote(run="dead")
    place = place_of(site.volume.snapshot(B))
    open_intent(site.volume, Intent("dead", OPERATOR, "ingest", B, A, "staging", place))
    with site.volume.ledger.open("ab") as out:
        out.write(b"garbage\n")
    host = make_host()
    found = recover(host, window)
    assert (found.live, found.faults) == (B, ())
    assert running(host) == {"db", "db-ingest", "backend"}
    assert survey_ledger(site.volume)[0].proven(B)


@pytest.mark.parametrize("broken", ["production", "writers"])
def test_a_new_snapshot_that_does_not_get_healthy_is_taken_back(
    site, make_host, make_window, records, broken
):
    window = cut_short(site, make_window, records)
    site.promote(run="dead")
    host = make_host(**{broken: (service("broken", health=BROKEN),)})
    found = recover(host, window)
    assert found.live == A
    assert site.volume.live() == A
    assert "dead died inside its switch" in site.ledger.why_bad(B)
    assert found.faults  # on the old one it does not get healthy either, and that is said
    assert running(host) == {"broken", "db-ingest", "backend" if broken == "production" else "db"}
    assert read_window(records).failed == site.ledger.why_bad(B)


def test_one_that_was_good_at_an_earlier_time_is_taken_back_as_well(site, make_host, make_window, records):
    site.serve(A, B)
    site.promote(A, run="between")
    window = make_window(volume=str(site.volume.root), snapshot=B, previous=A, run="dead")
    write_window(records, window)
    site.promote(B, run="dead")
    claim(site.volume, Claim("next", OPERATOR, "", 0, "", "2026-11-24T10:00:00+00:00"))
    assert recover(make_host(writers=(service("broken", health=BROKEN),)), window).live == A
    assert site.ledger.bad(B)


def test_a_recovery_that_takes_back_and_dies_is_gone_on_with_as_that(site, make_host, make_window, records):
    window = cut_short(site, make_window, records)
    site.promote(run="dead")
    write_window(records, replace(window, failed="it does not serve"))
    found = recover(make_host(), read_window(records))
    assert found.live == A
    assert site.ledger.why_bad(B) == "it does not serve"


def test_a_run_that_found_its_switch_to_have_failed_takes_it_back_and_writes_that_first(
    site, make_host, make_window, records
):
    window = cut_short(site, make_window, records)
    site.promote(run="dead")
    found = recover(make_host(), window, failed="Start the writers on demo")
    assert (found.live, found.taken_back) == (A, "Start the writers on demo")
    assert read_window(records).failed == "Start the writers on demo"


def test_a_switch_whose_window_was_closed_is_never_taken_back(site, make_host):
    site.serve(A, B)
    claim(site.volume, Claim(f"run-of-{B}", OPERATOR, "", 0, "", "2026-11-24T10:00:00+00:00"))
    found = recover_host(make_host(), None, run=f"run-of-{B}", operator=OPERATOR, failed="a host was lost")
    assert found.live == B
    assert site.ledger.good(B)


def test_what_can_be_started_is_started_although_the_directories_cannot_be_mended(
    site, make_host, make_window, records
):
    window = cut_short(site, make_window, records)
    site.promote(run="dead")
    (site.volume.snapshot(A) / "global/pg_control").unlink()  # the way back is no data directory any more
    host = make_host()
    found = recover(host, window, failed="it does not serve")
    assert found.live == B
    assert any("pg_control" in fault for fault in found.faults)
    assert {"db", "backend"} <= running(host)


def test_after_a_first_promotion_that_is_taken_back_nothing_serves(site, make_host, make_window, records):
    site.load(B)
    window = make_window(volume=str(site.volume.root), snapshot=B, previous="", run="dead")
    write_window(records, window)
    site.promote(run="dead")
    claim(site.volume, Claim("next", OPERATOR, "", 0, "", "2026-11-24T10:00:00+00:00"))
    host = make_host()
    found = recover(host, window, failed="it does not serve")
    assert (found.live, found.faults) == ("", ())
    assert not site.volume.prod.is_symlink()
    assert running(host) == {"db-ingest"}


def test_a_staging_server_that_does_not_come_up_is_told_and_keeps_nothing_open(
    site, make_host, make_window, records
):
    window = cut_short(site, make_window, records)
    site.promote(run="dead")
    found = recover(make_host(staging=(service("db-ingest", command=("false",)),)), window)
    assert (found.live, found.faults) == (B, ())
    assert "db-ingest" in found.warnings[0]
    assert site.ledger.good(B)


def test_one_service_that_is_not_there_does_not_keep_the_others_down(site, make_host, make_window, records):
    window = cut_short(site, make_window, records)
    host = make_host(writers=(service("backend"), service("gone", command=("/nowhere/gone",))))
    found = recover(host, window)
    assert "gone" in found.faults[0]
    assert running(host) == {"db", "db-ingest", "backend"}


def test_a_dry_run_says_the_same_and_changes_nothing(site, make_host, make_window, records):
    window = cut_short(site, make_window, records)
    site.promote(run="dead")
    host = make_host()
    dry = recover(host, window, failed="it does not serve", dry=True)
    assert running(host) == set()
    assert site.volume.live() == B
    assert not read_window(records).failed
    assert dry.did == recover(host, window, failed="it does not serve").did


def test_without_the_volume_nothing_is_touched(site, make_host, make_window, records):
    window = cut_short(site, make_window, records)
    release(site.volume, "next")
    host = make_host()
    with pytest.raises(Refusal, match="does not have the volume"):
        recover(host, window)
    assert running(host) == set()


class TestAHostWithoutTheVolume:
    def host(self, make_host, **changes):
        return make_host(volume=None, production=(), staging=(), **changes)

    def test_it_starts_its_writers(self, make_host, make_window):
        host = self.host(make_host)
        assert recover(host, make_window()).did == ("start backend",)
        assert running(host) == {"backend"}

    def test_they_stay_stopped_where_there_is_no_production(self, make_host, make_window):
        host = self.host(make_host)
        assert recover(host, make_window(previous=""), serves=False).did == ()
        assert running(host) == set()

    def test_one_that_is_not_healthy_is_a_fault(self, make_host, make_window):
        host = self.host(make_host, writers=(service("backend", health=BROKEN),))
        assert "backend is not healthy" in recover(host, make_window()).faults[0]

    def test_after_a_first_promotion_they_wait_for_a_production_that_nobody_knows_of(
        self, make_host, make_window
    ):
        host = self.host(make_host, writers=(service("backend", health=BROKEN),))
        assert recover(host, make_window(previous="")).faults == ()
        assert running(host) == {"backend"}


def test_the_record_of_the_window_has_no_more_than_its_run_needs(records, make_window):
    write_window(records, make_window())
    assert set(json.loads((records / "window.json").read_text())) == {
        *(
            "boot",
            "watchdog",
            "engine",
            "failed",
            "login",
            "opened",
            "operator",
            "previous",
            "production",
            "run",
        ),
        *(
            "maintenance_off",
            "poolers",
            "since",
            "snapshot",
            "staging",
            "start_timeout",
            "stop_timeout",
            "version",
            "volume",
            "writers",
        ),
    }


@pytest.mark.parametrize("beside", [False, True])
def test_the_maintenance_answer_is_taken_away_once_the_portal_serves(
    site, make_host, make_window, records, tmp_path, beside
):
    said = tmp_path / "maintenance"
    off = ("rm", str(said))
    window = cut_short(site, make_window, records, maintenance_off=off)
    host = make_host(maintenance_off=off, **({"volume": None, "production": ()} if beside else {}))
    said.touch()
    found = recover(host, window, serves=True) if beside else recover(host, window)
    assert found.faults == ()
    assert found.did[-1 if beside else -2] == "run rm (reingest_maintenance_off)"
    assert not said.exists()


def test_the_maintenance_answer_stays_while_the_portal_does_not_serve(
    site, make_host, make_window, records, tmp_path
):
    said = tmp_path / "maintenance"
    said.touch()
    off = ("rm", str(said))
    window = cut_short(site, make_window, records, maintenance_off=off)
    host = make_host(maintenance_off=off, writers=(service("backend", health=BROKEN),))
    assert recover(host, window).faults
    assert said.exists()


def test_one_that_cannot_be_taken_away_is_a_fault(site, make_host, make_window, records):
    off = ("/nonexistent/maintenance",)
    window = cut_short(site, make_window, records, maintenance_off=off)
    (fault,) = recover(make_host(maintenance_off=off), window).faults
    assert "reingest_maintenance_off" in fault
