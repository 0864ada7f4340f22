"""What the account of the PostgreSQL servers, or any local account, may put on a volume has no effect."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from attacker import belongs_to_attacker, let_pass, within
from claims import claim_for
from clusters import as_unprivileged, unprivileged

from plugins.module_utils.reingest.engines.record_file import record_file
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.fs.lock_file import open_lock, this_process, try_lock, write_worker
from plugins.module_utils.reingest.host.processes import started_at
from plugins.module_utils.reingest.retention.trash import settle
from plugins.module_utils.reingest.staging import copy as staging_copy
from plugins.module_utils.reingest.volume import lock
from plugins.module_utils.reingest.volume.ledger import read_ledger
from plugins.module_utils.reingest.volume.ownership import note_records, refuse_replaced
from plugins.module_utils.reingest.volume.take_over import take_over
from plugins.module_utils.reingest.window import ending
from plugins.module_utils.reingest.window.ending import end_steps
from plugins.module_utils.reingest.window.window_record import read_window

pytestmark = pytest.mark.attack

A, B = "20261101T000000Z", "20261102T000000Z"
WHO = {"run": "run-1", "operator": "0000-0002-1825-0097"}


@pytest.fixture
def foreign(site):
    """Return a volume whose root belongs to the servers' account, as where it was handed over whole."""
    site.serve(A)
    site.load(B)
    belongs_to_attacker(site.volume.root)
    return site


class TestRecords:
    def test_others_get_no_lock(self, site):
        claim_for(site.volume, "run-1")
        with lock.verb(site.volume, "run-1"):
            pass
        code = "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX)"
        let_pass(site.volume.root)
        for name in ("claim.lock", "verb.lock"):
            done = subprocess.run(
                ["/usr/bin/python3", "-c", code, site.volume.records / name],
                capture_output=True,
                check=False,
                cwd="/",
                **as_unprivileged(),
            )
            assert b"PermissionError" in done.stderr

    def test_a_wait_for_a_lock_ends_and_names_who_has_it(self, site, monkeypatch):
        claim_for(site.volume, "run-1")
        monkeypatch.setitem(lock._PATIENCE_S, "claim.lock", 0.2)
        path = site.volume.records / "claim.lock"
        with open_lock(path) as held, within(10):
            assert try_lock(held)
            write_worker(held, this_process("run-7"))
            with pytest.raises(
                Refusal, match=f"locked for more than 0 s by process {os.getpid()} of run run-7"
            ):
                lock.release(site.volume, "run-1")

    @pytest.mark.parametrize(
        "name", ["claim.json", "journal.json", "ledger.jsonl", "prune.json", "unsynced.json"]
    )
    @pytest.mark.parametrize("kind", ["foreign", "fifo", "sparse"])
    def test_one_that_somebody_put_there_is_refused_at_once(self, site, run_module, name, kind):
        site.serve(A)
        path = site.volume.records / name
        path.unlink(missing_ok=True)
        if kind == "fifo":
            os.mkfifo(path, 0o600)
        else:
            path.write_text("{}\n")
        if kind == "sparse":
            os.truncate(path, 1 << 42)
        if kind == "foreign":
            belongs_to_attacker(path)
        with within(10):
            done = run_module("snapshot_info", volume=str(site.volume.root))
            assert any(str(path) in fault for fault in [*done.get("faults", []), str(done)])
            if name == "claim.json":
                claimed = run_module(
                    "run_lock", volume=str(site.volume.root), operators=[WHO["operator"]], **WHO
                )
                assert claimed["failed"]

    def test_a_fifo_as_reserve_blocks_nobody(self, site):
        claim_for(site.volume, "run-1")
        site.volume.reserve.unlink(missing_ok=True)
        os.mkfifo(site.volume.reserve)
        with within(10):
            lock.release(site.volume, "run-1")

    def test_a_pruning_never_moves_what_is_no_snapshot(self, site, precious):
        site.serve(A)
        (site.volume.records / "trash").mkdir(mode=0o700)
        record = {"version": 1, "run": "r", "operator": "o", "snapshots": {A: str(precious)}, "why": {}}
        (site.volume.records / "prune.json").write_text(json.dumps(record))
        (site.volume.records / "prune.json").chmod(0o600)
        with suppress(Refusal):
            settle(site.volume, **WHO)
        assert (precious / "file").exists()
        assert not site.volume.snapshot(A).is_symlink()

    def test_a_window_of_another_account_runs_nothing(self, tmp_path):
        path = tmp_path / "window.json"
        path.write_text("{}")
        belongs_to_attacker(path)
        with pytest.raises(Refusal, match="another account may have written it"):
            read_window(tmp_path)


class TestProcesses:
    def test_one_that_a_lock_file_names_and_that_holds_no_lock_is_not_killed(self, site):
        claim_for(site.volume, "run-1")
        with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as innocent:
            try:
                with open_lock(site.volume.records / "verb.lock") as held:
                    assert try_lock(held)
                    named = this_process("run-1")
                    forged = type(named)(innocent.pid, started_at(innocent.pid), "run-1")
                    write_worker(held, forged)
                    with pytest.raises(Refusal, match=f"process {innocent.pid} is a step of run run-1"):
                        end_steps(site.volume.root.parent, site.volume, "run-1")
                assert innocent.poll() is None
            finally:
                innocent.kill()

    def test_a_step_of_ours_that_holds_the_lock_is_ended(self, site):
        claim_for(site.volume, "run-1")
        child = os.fork()
        if child == 0:
            held = open_lock(site.volume.records / "verb.lock")
            while not try_lock(held):
                time.sleep(0.001)  # who only looks has it locked for a moment
            write_worker(held, this_process("run-1"))
            time.sleep(60)
            os._exit(0)
        deadline = time.monotonic() + 10
        while (who := lock.worker(site.volume)) is None or not who.pid:
            assert time.monotonic() < deadline
        assert end_steps(site.volume.root.parent, site.volume, "run-1")
        os.waitpid(child, 0)

    def test_a_step_that_ends_while_it_is_looked_at_is_no_strange_process(self, site, monkeypatch):
        claim_for(site.volume, "run-1")
        step = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        held = open_lock(site.volume.records / "verb.lock")
        assert try_lock(held)
        write_worker(held, type(this_process("run-1"))(step.pid, started_at(step.pid), "run-1"))

        def ends(path, pid):
            held.close()
            step.kill()
            step.wait()
            return False

        monkeypatch.setattr(ending, "holds", ends)
        assert end_steps(site.volume.root.parent, site.volume, "run-1") == []


class TestForeignRoot:
    def test_a_copy_is_not_made_where_a_link_leads(self, foreign, precious):
        place = foreign.volume.records / "copying"
        place.mkdir(mode=0o700)
        (place / B).symlink_to(precious)
        staging_copy._clear(foreign.volume)
        assert (precious / "file").read_text() == "root's own"

    @pytest.mark.parametrize("instead", ["link", "folder"])
    def test_records_that_were_replaced_are_refused(self, foreign, run_module, tmp_path, instead):
        work = tmp_path / "work"
        work.mkdir()
        claim = {"volume": str(foreign.volume.root), "work": str(work), "operators": [WHO["operator"]], **WHO}
        assert not run_module("run_lock", **claim).get("failed")
        foreign.volume.records.rename(foreign.volume.root / "away")
        if instead == "link":
            belongs_to_attacker(foreign.volume.root)
            foreign.volume.records.symlink_to(foreign.volume.root / "away")
        else:
            foreign.volume.records.mkdir(mode=0o700)
        done = run_module("snapshot_promote", volume=claim["volume"], work=str(work), **WHO)
        assert done["failed"]
        assert str(foreign.volume.records) in done["msg"]

    def test_the_inode_is_what_tells_them(self, foreign, tmp_path):
        note_records(tmp_path, foreign.volume)
        refuse_replaced(tmp_path, foreign.volume)
        foreign.volume.staging.rename(foreign.volume.root / "kept")
        foreign.volume.records.rename(foreign.volume.staging)
        (foreign.volume.root / "kept").rename(foreign.volume.records)
        with pytest.raises(Refusal, match="may have replaced it"):
            refuse_replaced(tmp_path, foreign.volume)


class TestTakeOver:
    @pytest.fixture
    def earlier(self, site):
        """Return a volume as an earlier version left it: everything like its root."""
        site.serve(A)
        for path in (
            site.volume.root,
            site.volume.records,
            site.volume.staging,
            *site.volume.records.iterdir(),
        ):
            belongs_to_attacker(path)
            path.chmod(0o755 if path.is_dir() else 0o644)
        return site

    def test_it_is_told_and_done_once(self, earlier, run_module):
        claim = {"volume": str(earlier.volume.root), "operators": [WHO["operator"]], **WHO}
        dry = run_module("run_lock", check=True, **claim)
        assert f"take {earlier.volume.records} over" in str(dry["step"]["did"])
        assert earlier.volume.records.stat().st_uid != 0
        done = run_module("run_lock", **claim)
        assert [one.partition(",")[0] for one in done["step"]["did"]] == [
            f"take {earlier.volume.records} over",
            f"take {earlier.volume.staging} over",
        ]
        modes = {path.name: path.stat().st_mode & 0o777 for path in earlier.volume.records.iterdir()}
        assert set(modes.values()) == {0o600}
        assert earlier.volume.records.stat().st_mode & 0o777 == 0o700
        assert earlier.volume.staging.stat().st_mode & 0o777 == 0o711
        assert read_ledger(earlier.volume).live() == A
        assert take_over(earlier.volume) == []

    def test_the_servers_still_reach_what_is_theirs(self, earlier):
        take_over(earlier.volume)
        let_pass(earlier.volume.root)
        account = unprivileged()
        for path in (earlier.volume.snapshot(A), *earlier.volume.snapshot(A).rglob("*")):
            os.chown(path, account.pw_uid, account.pw_gid)
        read = subprocess.run(
            ["cat", earlier.volume.prod / "PG_VERSION"],
            capture_output=True,
            check=False,
            cwd="/",
            **as_unprivileged(),
        )
        assert read.stdout.strip() == b"16"

    @pytest.mark.parametrize("kind", ["link", "fifo", "second name"])
    def test_what_was_planted_among_the_records_is_refused(self, earlier, precious, kind):
        path = earlier.volume.records / "planted"
        if kind == "link":
            path.symlink_to(precious / "file")
        elif kind == "fifo":
            os.mkfifo(path)
        else:
            os.link(precious / "file", path)
        with within(10), pytest.raises(OSError if kind == "link" else Refusal, match="planted"):
            take_over(earlier.volume)


def test_a_container_called_window_has_a_file_of_its_own(tmp_path):
    names = ["window", "window.closed", "service.window", "watchdog", "service", "db", "window.lease"]
    files = {record_file(tmp_path, name, kind) for name in names for kind in ("json", "log")}
    assert len(files) == 2 * len(names)
    assert not {path.name for path in files} & {
        "window.json",
        "window.closed.json",
        "watchdog.log",
        "window.lease",
    }
