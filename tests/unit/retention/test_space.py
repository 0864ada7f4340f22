"""What the next load needs is told from the last ones; what gives way before it is no more than it takes."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.fs.sizes import measure
from plugins.module_utils.reingest.retention.forecast import forecast
from plugins.module_utils.reingest.retention.space import plan_room
from plugins.module_utils.reingest.volume import ledger as ledger_file
from plugins.module_utils.reingest.volume.ledger import Entry, Ledger

A, B, C, D, E = (f"2026110{day}T000000Z" for day in range(1, 6))
NOW = datetime(2026, 11, 23, tzinfo=timezone.utc)
GIB = 1 << 30


def loads(*sizes, largest=0):
    return Ledger(
        tuple(
            Entry(
                "loaded",
                f"2026110{number}T000000Z",
                "",
                "run",
                "who",
                "",
                {"bytes": size, "largest": largest},
            )
            for number, size in enumerate(sizes, start=1)
        )
    )


def room(site, *, free, keep=2, keep_days=0, min_free=0):
    return plan_room(site.volume, keep=keep, keep_days=keep_days, min_free=min_free, free=free, now=NOW)


class TestForecast:
    def test_before_the_first_load_nothing_can_be_told(self, site):
        told = forecast(site.volume, Ledger(()), "")
        assert (told.need, told.how) == (0, "nothing was loaded yet")

    def test_one_load_is_taken_to_grow_by_a_tenth(self, site):
        told = forecast(site.volume, loads(100 * GIB), "")
        assert told.size == int(110 * GIB)
        assert told.how.startswith(f"the last load, {A}, has 100.0 GiB, taken to grow by 10%, with ")

    def test_loads_that_grew_by_more_are_taken_to_do_so_again(self, site):
        assert forecast(site.volume, loads(100 * GIB, 130 * GIB, 135 * GIB), "").size == int(135 * GIB * 1.3)

    def test_a_first_load_that_was_only_a_try_is_no_trend(self, site):
        assert forecast(site.volume, loads(1 * GIB, 100 * GIB), "").size == 200 * GIB

    def test_a_last_load_that_was_only_a_try_does_not_count(self, site):
        told = forecast(site.volume, loads(100 * GIB, 1 * GIB), A)
        assert (told.size, told.how[:17]) == (int(110 * GIB), "the live snapshot")

    def test_only_the_last_loads_count(self, site):
        assert forecast(site.volume, loads(1 * GIB, 2 * GIB, 2 * GIB, 2 * GIB, 2 * GIB), "").size == int(
            2 * GIB * 1.1
        )

    def test_wal_and_the_sorting_of_the_largest_index_come_on_top(self, site):
        told = forecast(site.volume, loads(70 * GIB, largest=20 * GIB), "")
        assert told.extra == int(77 * GIB) // 7 + int(22 * GIB)
        small = forecast(site.volume, loads(100 << 20, largest=10 << 20), "")
        assert small.extra == small.size + int(1.1 * (10 << 20))  # no more WAL than there are rows

    def test_what_ingest_has_makes_way(self, site):
        site.load(A)
        held = measure(site.volume.ingest).bytes
        told = forecast(site.volume, loads(100 * GIB), "")
        assert (told.held, told.need) == (held, told.size + told.extra - held)

    def test_a_live_snapshot_without_a_written_size_is_measured(self, site):
        site.serve(A)
        told = forecast(site.volume, site.ledger, A)
        assert told.size == int(measure(site.volume.snapshot(A)).bytes * 1.1)
        assert told.how.startswith("the live snapshot has ")


class TestRoom:
    @pytest.fixture
    def served(self, site):
        """Return a site with four snapshots; the next load is taken to need about a gigabyte."""
        site.serve(A, B, C, D)
        site.record(ledger_file.LOADED, D, "size", {"bytes": GIB, "release": "r"})
        site.record(ledger_file.LIVE, D, "size", {"previous": C, "kind": "ingest"})
        site.record(ledger_file.GOOD, D, "size")
        return site

    @pytest.fixture
    def need(self, served):
        return forecast(served.volume, served.ledger, D).need

    def test_where_there_is_room_nothing_goes_whatever_the_rules_let_go(self, served, need):
        plan = room(served, free=need, keep=1)
        assert (plan.changed, plan.did(), plan.keep) == (False, [], (A, B, C, D))

    def test_no_more_goes_than_it_takes(self, served, need):
        size = measure(served.volume.snapshot(A)).freed
        assert room(served, free=need - 1, keep=1).delete == (A,)
        assert room(served, free=need - size, keep=1).delete == (A,)
        assert room(served, free=need - size - 1, keep=1).delete == (A, B)

    def test_the_count_gives_way_and_says_so(self, served, need):
        plan = room(served, free=need - 1, keep=3)
        assert plan.did() == [f"delete snapshot {A}: it makes room for the next load"]

    def test_what_failed_gives_way_first(self, served, need):
        served.load(E)
        served.promote(run="bad")
        served.recover(failed="no answer", run="bad")
        need = forecast(served.volume, served.ledger, D).need
        assert room(served, free=need - 1, keep=3).delete == (E,)

    def test_live_way_back_pinned_and_young_ones_never_do(self, served, need):
        served.record(ledger_file.PINNED, A, "pin")
        with pytest.raises(Refusal) as refused:
            room(served, free=need // 2, keep=3)
        message = str(refused.value)
        assert f"{A}: pinned; {C}: the way back; {D}: live" in message
        assert B not in message
        assert "nothing was loaded or deleted" in message
        assert served.volume.snapshots() == [A, B, C, D]
        with pytest.raises(Refusal, match="none to prune"):
            room(served, free=need // 2, keep=1, keep_days=36500)

    def test_the_refusal_has_the_figures(self, served):
        with pytest.raises(Refusal) as refused:
            room(served, free=5 << 20, min_free=900 << 40, keep=1)
        message = str(refused.value)
        assert "has 5.0 MiB free, and pruning would free no more than" in message
        assert "the next load needs 900.0 TiB (the last load, " in message
        assert "reingest_min_free 900.0 TiB" in message

    def test_what_waits_in_the_trash_goes_first(self, served, need):
        served.volume.trash.mkdir(exist_ok=True)
        served.volume.snapshot(A).rename(served.volume.trash / A)
        plan = room(served, free=need - 1, keep=1)
        assert (plan.leftovers, plan.delete) == ((A,), ())

    def test_a_first_load_wants_what_must_be_free(self, site):
        assert not room(site, free=10, min_free=10).changed
        with pytest.raises(Refusal, match="the next load needs 11 B"):
            room(site, free=10, min_free=11)
