"""The modules that make a volume ready for a run, through their real ``main``: again, dry, refused."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from clusters import core_of, process_in

A, B = "20261101T000000Z", "20261102T000000Z"
R1 = "2026-11-23T11:45:00+00:00"
WHO = {"run": "run-1", "operator": "0000-0002-1825-0097"}
RUN = {"run": "run-1"}


def files(volume):
    return sorted((str(path), path.lstat().st_mtime_ns) for path in volume.root.rglob("*"))


@pytest.fixture
def by_hand(site):
    """Return a volume as the runbook leaves it, with a claim of this run."""
    core_of(site.template, site.volume.ingest, 1)
    site.volume.staging.mkdir()
    site.volume.snapshot(R1).mkdir(mode=0o755)
    for path in site.volume.ingest.iterdir():
        path.rename(site.volume.snapshot(R1) / path.name)
    site.volume.prod.symlink_to(site.volume.snapshot(R1))
    site.claim()
    return site


class TestAdopt:
    def test_adopts_once_and_says_what_it_did(self, by_hand, run_module):
        first = run_module("volume_adopt", volume=str(by_hand.volume.root), **WHO)
        assert first["changed"]
        assert first["step"]["did"] == [
            f"{by_hand.volume.prod} leads to {by_hand.volume.snapshot(R1)}, and so to staging/{R1} only "
            f"where that is its path: point it at staging/{R1} by its relative name",
            f"{by_hand.volume.snapshot(R1)} has mode 0755: PostgreSQL does not start on it: give it the "
            "owner of its files and their mode",
            f"{by_hand.volume.snapshot(R1)} is live and not in the ledger: sync it and adopt it as the live "
            "one",
        ]
        assert by_hand.volume.live() == R1
        again = run_module("volume_adopt", volume=str(by_hand.volume.root), **WHO)
        assert (again["changed"], again["told"], again["diff"]) == (False, [], {"before": "", "after": ""})

    def test_check_mode_says_the_same_and_touches_nothing(self, by_hand, run_module):
        before = files(by_hand.volume)
        dry = run_module("volume_adopt", check=True, volume=str(by_hand.volume.root), **WHO)
        assert files(by_hand.volume) == before
        real = run_module("volume_adopt", volume=str(by_hand.volume.root), **WHO)
        assert (real["step"]["did"], real["diff"]) == (dry["step"]["did"], dry["diff"])

    def test_what_cannot_be_done_now_fails_the_run_after_the_rest_is_done(self, by_hand, run_module):
        by_hand.volume.prod.unlink()
        by_hand.volume.snapshot(R1).rename(by_hand.volume.prod)
        by_hand.volume.snapshot(B).mkdir()
        with process_in(by_hand.volume.prod):
            dry = run_module("volume_adopt", check=True, volume=str(by_hand.volume.root), **WHO)
            assert "a run repairs it only while production is stopped in order" in dry["told"][0]
            real = run_module("volume_adopt", volume=str(by_hand.volume.root), **WHO)
        assert real["failed"]
        assert "stop it in order, then run playbooks/recover.yml" in real["msg"]
        assert not by_hand.volume.snapshot(B).exists()
        assert real["step"]["did"][-1].endswith(f"{B} is an empty directory: take it away")
        assert not by_hand.volume.prod.is_symlink()

    def test_a_run_without_the_claim_is_refused(self, by_hand, run_module):
        told = run_module(
            "volume_adopt", volume=str(by_hand.volume.root), run="run-2", operator=WHO["operator"]
        )
        assert "the volume is held by run run-1" in told["msg"]


class TestKind:
    def test_a_volume_on_a_disk_or_one_that_is_accepted_passes(self, site, run_module):
        site.claim()
        options = {"volume": str(site.volume.root), "loads": True, **WHO}
        dry = run_module("volume_adopt", check=True, accepted="?", **options)
        kind = dry["kind"] if "kind" in dry else dry["msg"].rpartition(" ")[2]
        found = run_module("volume_adopt", accepted=kind, **options)
        assert (found["changed"], found["kind"]) == (False, kind)

    @pytest.mark.skipif(not os.path.ismount("/dev/shm"), reason="no file system in memory")
    def test_one_in_memory_is_refused_until_it_is_accepted_by_name(self, run_module):
        with TemporaryDirectory(dir="/dev/shm") as root:
            (Path(root) / "ingest").mkdir()
            refused = run_module("volume_adopt", check=True, volume=root, **WHO)
            assert "where some guarantees go: nothing survives a restart of the machine" in refused["msg"]
            assert refused["msg"].endswith("reingest_network_volume: tmpfs")
            accepted = run_module("volume_adopt", check=True, volume=root, accepted="tmpfs", **WHO)
            assert accepted["lost"] == ["nothing survives a restart of the machine"]
            assert accepted["step"]["detail"]["kind"] == "tmpfs"


class TestCopy:
    def test_where_a_rename_does_it_nothing_is_copied(self, site, run_module):
        site.load(A)
        site.claim()
        before = files(site.volume)
        for check in (True, False):
            told = run_module("snapshot_copy", check=check, volume=str(site.volume.root), loaded=A, **RUN)
            assert (told["changed"], told["snapshot"], told["step"]["did"]) == (False, "", [])
        assert [one for one in files(site.volume) if ".reingest" not in one[0]] == [
            one for one in before if ".reingest" not in one[0]
        ]
