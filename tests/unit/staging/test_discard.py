"""A load that the machine's end left incomplete makes way for an empty directory; every other one stays."""

from __future__ import annotations

import pytest
from clusters import edit_control, process_in

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.fs import no_follow
from plugins.module_utils.reingest.host.boot import boot_id
from plugins.module_utils.reingest.staging.discard import apply_discard, plan_discard
from plugins.module_utils.reingest.volume.lock import Claim, claim
from plugins.module_utils.reingest.volume.unsynced import Unsynced, is_lost, read_mark, write_mark

A = "20261101T000000Z"
IDENTIFIER = "20261101000000"
EARLIER = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def site(make_site):
    site = make_site()
    site.claim("run-1")
    return site


@pytest.fixture
def marked(site):
    """Return ``mark(boot=, ...)``, which marks the load in ``ingest/``."""
    site.load(A)

    def mark(boot=EARLIER, identifier=IDENTIFIER, ended=""):
        write_mark(site.volume, Unsynced(identifier, boot, "run-0", ended))

    return mark


def discard(site, run_module, **more):
    return run_module("staging_discard", volume=str(site.volume.root), run="run-1", **more)


@pytest.mark.parametrize("ended", ["", "2026-11-23T12:00:00.000001+00:00"])
def test_a_load_of_an_earlier_boot_makes_way(site, marked, run_module, ended):
    marked(ended=ended)
    edit_control(site.volume.ingest, state=6)
    dry = discard(site, run_module, check=True)
    assert (site.volume.ingest / "PG_VERSION").exists()
    done = discard(site, run_module)
    assert (done["changed"], done["step"]["did"], done["diff"]) == (True, dry["step"]["did"], dry["diff"])
    assert done["step"]["did"] == [
        "delete the load that the machine's end left incomplete, make a fresh ingest"
    ]
    assert list(site.volume.ingest.iterdir()) == []
    assert site.volume.ingest.stat().st_mode & 0o777 == 0o700
    assert list(site.volume.trash.iterdir()) == []
    assert read_mark(site.volume) is None
    assert not discard(site, run_module)["changed"]


def test_what_the_control_file_says_of_the_shutdown_does_not_count(site, marked):
    marked()
    edit_control(site.volume.ingest, state=1)  # it may be on disk before the pages that it speaks of
    assert is_lost(site.volume)


def test_a_control_file_that_is_damaged_is_what_the_mark_warns_of(site, marked):
    marked()
    (site.volume.ingest / "global/pg_control").write_bytes(b"\0" * 8192)
    assert is_lost(site.volume)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"boot": 1}', '{"what": "?"}', "\0" * 40])
def test_a_damaged_mark_makes_the_load_start_over_and_nothing_is_promoted_by_it(
    site, marked, run_module, content
):
    marked()
    site.volume.unsynced.write_text(content)
    told = run_module(
        "snapshot_promote", volume=str(site.volume.root), run="run-1", operator="0000-0002-1825-0097"
    )
    assert "run load.yml or ingest.yml, which starts over" in told["msg"]
    assert discard(site, run_module)["changed"]
    assert list(site.volume.ingest.iterdir()) == []
    assert not site.volume.unsynced.exists()
    assert not discard(site, run_module)["changed"]


def test_a_mark_of_another_account_is_no_reason_to_start_over(site, marked, monkeypatch):
    marked()
    monkeypatch.setattr(no_follow.os, "read", lambda *_, **__: (_ for _ in ()).throw(PermissionError()))
    with pytest.raises(Refusal, match="cannot be read by this account: run as root"):
        is_lost(site.volume)


def test_a_server_that_was_killed_leaves_whole_files(site, marked):
    marked(boot=boot_id())
    edit_control(site.volume.ingest, state=6)
    assert not plan_discard(site.volume).changed


def test_a_load_that_was_synced_is_kept(site):
    site.load(A)
    assert not plan_discard(site.volume).changed


def test_another_cluster_than_the_marked_one_is_kept(site, marked):
    marked(identifier="42")
    assert not plan_discard(site.volume).changed


def test_an_empty_directory_is_kept(make_site):
    site = make_site("empty")
    site.volume.records.mkdir()
    write_mark(site.volume, Unsynced(IDENTIFIER, EARLIER, "run-0"))
    assert not plan_discard(site.volume).changed


def test_a_directory_in_use_is_refused(site, marked):
    marked()
    with process_in(site.volume.ingest) as process:
        assert plan_discard(site.volume, dry=True).changed  # the run stops the server before
        with pytest.raises(Refusal, match=rf"ingest is in use: process {process} \(sleep\) works in it"):
            plan_discard(site.volume)


def test_another_runs_claim_is_respected(site, marked, run_module):
    marked()
    claim(site.volume, Claim("run-2", "o", "here/boot", 1, "1", "now"), take_over="run-1")
    assert "the volume is held by run run-2" in discard(site, run_module)["msg"]
    assert (site.volume.ingest / "PG_VERSION").exists()


def test_what_an_earlier_run_had_still_to_delete_goes_too(site, marked):
    marked()
    (site.volume.trash / "ingest/base").mkdir(parents=True)
    apply_discard(site.volume)
    assert list(site.volume.trash.iterdir()) == []
