"""Copies of carried rows, and snapshots that hold rows which are nowhere else."""

from __future__ import annotations

import shutil

import pytest

from plugins.module_utils.reingest.carry.copies import (
    keep_for_ever,
    lost_copies,
    only_places,
    stale_copies,
    tidy_copies,
)
from plugins.module_utils.reingest.carry.give_back import open_database
from plugins.module_utils.reingest.carry.record import (
    Fenced,
    carried_folder,
    fence_record,
    fences,
    write_fence,
)
from plugins.module_utils.reingest.postgres.control import read_control
from plugins.module_utils.reingest.volume.lock import now_text


@pytest.fixture
def carried(portal):
    """Return a portal whose rows were carried by run-1; both servers' control files are on the volume."""
    portal.make("CREATE TABLE t (a int)", {"t": "quarantine"})
    portal.live("INSERT INTO t VALUES (1)")
    for server, place in ((portal.production, "staging/20261123T114500Z"), (portal.staging, "ingest")):
        (portal.volume.root / place / "global").mkdir(parents=True)
        shutil.copy(server.data / "global/pg_control", portal.volume.root / place / "global")
    portal.carry()
    return portal


def test_a_copy_stays_while_the_snapshot_that_it_is_from_is_there(carried):
    assert stale_copies(carried.volume) == []
    shutil.rmtree(carried.volume.root / "staging/20261123T114500Z")
    assert tidy_copies(carried.volume) == []
    assert not carried_folder(carried.volume, "run-1").exists()
    assert fences(carried.volume) == []


def test_a_copy_of_a_server_that_was_opened_since_goes(carried):
    server = read_control(carried.production.data).system_identifier
    open_database(carried.volume, carried.production.dsn(), server, run="run-2")
    assert fence_record(carried.volume, server).read() is None
    assert stale_copies(carried.volume) == [carried_folder(carried.volume, "run-1")]


def test_a_copy_that_is_the_only_place_of_a_row_stays(carried):
    folder = carried_folder(carried.volume, "run-1")
    keep_for_ever(folder, ("table t: kept",))
    shutil.rmtree(carried.volume.root / "staging/20261123T114500Z")
    assert tidy_copies(carried.volume) == []
    assert folder.exists()
    assert only_places(carried.volume) == {"run-1": ("table t: kept",)}


def test_a_copy_that_somebody_accepts_to_lose_by_its_run_goes(carried):
    folder = carried_folder(carried.volume, "run-1")
    keep_for_ever(folder, ("table t: kept",))
    assert tidy_copies(carried.volume, ["run-2", "../run-1"]) == []
    assert folder.exists()
    assert tidy_copies(carried.volume, ["run-1"]) == []
    assert not folder.exists()


def test_a_copy_without_the_mark_is_not_lost_by_a_name(carried):
    assert lost_copies(carried.volume, ["run-1"]) == []
    assert tidy_copies(carried.volume, ["run-1"]) == []
    assert carried_folder(carried.volume, "run-1").exists()


def test_a_copy_whose_rows_a_database_is_still_to_get_stays(carried):
    folder = carried_folder(carried.volume, "run-1")
    keep_for_ever(folder, ("table t: kept",))
    write_fence(carried.volume, Fenced("run-2", "7", "portal", now_text(), carried="run-1"))
    assert lost_copies(carried.volume, ["run-1"]) == []
