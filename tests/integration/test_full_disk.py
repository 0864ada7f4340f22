"""A volume without a block left: it can be claimed, pruned and given back, and has room again."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os

import pytest
from clusters import core_of, whole_cluster
from mounts import image
from tiers import sample

from plugins.module_utils.reingest.fs.durable import make_own_directory
from plugins.module_utils.reingest.volume import ledger as ledger_file
from plugins.module_utils.reingest.volume.layout import Volume

A, B, C = "20261101T000000Z", "20261102T000000Z", "20261103T000000Z"
OPERATOR = "0000-0002-1825-0097"
CLAIM = {"operators": [OPERATOR], "operator": OPERATOR, "controller": "here/boot", "process": 1}
KIB, MIB = 1 << 10, 1 << 20


def fill(folder):
    """Write until not one more byte has a place, nor one more name."""
    numbers = itertools.count()
    for size in (16 * MIB, MIB, 64 * KIB, 4 * KIB, KIB):
        while not _is_full(folder / f"filler.{next(numbers)}", size):
            pass


def _is_full(path, size):
    """Try to write a file; return whether the disk refused it."""
    try:
        with path.open("wb") as out:
            out.write(b"x" * size)
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return True
    return False


@pytest.fixture(scope="module")
def cluster():
    """Return the path of a cluster, shut down; do not change it."""
    with whole_cluster() as (_, data):
        yield data


@pytest.fixture(params=sample(["ext4", "xfs"], "ext4"))
def volume(request, tmp_path, cluster):
    """Return a volume on a file system of its own: two snapshots are kept by the rules, one goes."""
    with contextlib.ExitStack() as stack:
        root = image(stack, request.param, tmp_path / "volume", backing=tmp_path / "image")
        made = Volume(root)
        made.ingest.mkdir(mode=0o700)
        make_own_directory(made.records)
        for number, snapshot in enumerate((A, B, C), start=1):
            made.snapshot(snapshot).mkdir(parents=True, mode=0o700)
            core_of(cluster, made.snapshot(snapshot), number)
            for state in (ledger_file.ADOPTED, ledger_file.LIVE, ledger_file.GOOD):
                ledger_file.append(made, state, snapshot, run="one", operator=OPERATOR)
        made.prod.symlink_to(f"staging/{C}")
        yield made


@pytest.fixture
def step(volume, run_module):
    """Return ``step(module, run)``, which refuses to go on after a failure."""

    def done(name, run, **params):
        told = run_module(name, **host_of(volume), run=run, **params)
        assert "msg" not in told
        return told

    return done


def host_of(volume):
    return {
        "volume": str(volume.root),
        "engine": "process",
        "records": str(volume.root.with_name("records")),
    }


def claim(step, run):
    step("run_begin", run, **CLAIM)


def release(step, run):
    step("run_lock", run, state="released")


def reserved(volume):
    return volume.reserve.exists() and volume.reserve.stat().st_blocks * 512 >= MIB


def test_it_is_pruned_when_nothing_else_can_be_written(volume, step):
    claim(step, "before")
    release(step, "before")
    assert reserved(volume)
    fill(volume.root)
    with pytest.raises(OSError, match="No space left"):
        (volume.root / "more").write_bytes(b"x" * 8 * KIB)
    claim(step, "pruning")
    assert step("snapshot_prune", "pruning", keep=1, operator=OPERATOR)["deleted"] == [A]
    release(step, "pruning")
    assert volume.snapshots() == [B, C]
    assert reserved(volume)  # for the next time


def test_a_run_that_meets_a_full_disk_half_way_can_still_write_what_it_does(volume, step):
    claim(step, "before")
    assert step("snapshot_prune", "before", keep=2, operator=OPERATOR)["deleted"] == []
    release(step, "before")
    claim(step, "pruning")
    fill(volume.root)
    assert step("snapshot_prune", "pruning", keep=1, operator=OPERATOR)["deleted"] == [A]
    release(step, "pruning")
    assert reserved(volume)


def test_without_a_reserve_it_is_refused_with_the_reason(volume, run_module):
    fill(volume.root)
    told = run_module("run_begin", **host_of(volume), run="late", **CLAIM)
    assert told["failed"]
    assert "No space left on device" in told["msg"]
    assert volume.snapshots() == [A, B, C]


def test_runs_that_end_on_a_full_disk_leave_the_reserve_for_the_next(volume, step):
    claim(step, "before")
    release(step, "before")
    fill(volume.root)
    for run in ("one", "two", "three"):
        claim(step, run)
        release(step, run)
    assert reserved(volume)
