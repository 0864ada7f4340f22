"""Volumes that the runbook left, made by its very commands: found, said, repaired; nothing is lost."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from datetime import datetime, timezone

import pytest
from clusters import IN_PRODUCTION, core_of, edit_control, process_in
from interruption import killed_at

from plugins.module_utils.reingest.adoption import adopt
from plugins.module_utils.reingest.adoption.adopt import apply_adoption, plan_adoption
from plugins.module_utils.reingest.adoption.adoption_record import Adopting, open_adopting
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.fs.durable import make_own_directory
from plugins.module_utils.reingest.promotion.journal import Intent, open_intent, place_of
from plugins.module_utils.reingest.promotion.promote import previous_snapshot
from plugins.module_utils.reingest.volume import ledger as ledger_file

OPERATOR = "0000-0002-1825-0097"
NOW = datetime(2026, 12, 24, 18, 0, 0, tzinfo=timezone.utc)
ADOPTED = "20261224T180000Z"
R1, R2, R3 = "2026-11-23T11:45:00+00:00", "2026-11-30T11:45:00+00:00", "2026-12-07T11:45:00+00:00"
A, B = "20261101T000000Z", "20261102T000000Z"

RUNBOOK = (
    "mkdir -p staging; "
    "mkdir staging/$timestamp; mv ingest/* staging/$timestamp; ln -sf staging/$timestamp prod"
)


class Runbook:
    """A volume on which somebody works by hand."""

    def __init__(self, site):
        self.site, self.volume, self.loads = site, site.volume, 0

    def shell(self, script, **environment):
        command = ["sh", "-c", f"umask 022; {script}"]
        subprocess.run(command, check=True, cwd=self.volume.root, env={**os.environ, **environment})

    def load(self):
        """Put a cluster into ``ingest/``, as the staging server leaves it."""
        self.loads += 1
        core_of(self.site.template, self.volume.ingest, 1000 + self.loads)

    def promote(self, timestamp):
        self.load()
        self.shell(RUNBOOK, timestamp=timestamp)

    def plan(self, **options):
        return plan_adoption(self.volume, NOW, **options)

    def adopt(self):
        plan = self.plan()
        apply_adoption(self.volume, plan, run="run", operator=OPERATOR)
        return plan

    def settled(self):
        """Return whether nothing is left to repair."""
        return not self.plan().changed

    def lines(self):
        return [(entry.state, entry.snapshot) for entry in self.site.ledger.entries]


@pytest.fixture
def runbook(site):
    return Runbook(site)


def tree(root):
    """Return all that lies there: kind, mode, owner, content or target; no times."""
    found = {}
    for path in sorted(root.rglob("*")):
        state = path.lstat()
        content = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[path.relative_to(root)] = (state.st_mode, state.st_uid, content)
    return found


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def inodes(root):
    """Return the files by inode: what was there must be there afterwards, wherever."""
    return {path.stat().st_ino for path in root.rglob("*") if path.is_file() and not path.is_symlink()}


def test_a_first_runbook_promotion_is_adopted_as_live_and_good(runbook):
    runbook.promote(R1)
    before = inodes(runbook.volume.root)
    plan = runbook.adopt()
    assert [sentence.removeprefix(f"{runbook.volume.root}/") for sentence in plan.did()] == [
        f"staging/{R1} has mode 0755: PostgreSQL does not start on it: give it the owner of its files and "
        "their mode",
        f"staging/{R1} is live and not in the ledger: sync it and adopt it as the live one",
    ]
    assert runbook.volume.live() == R1
    assert stat.S_IMODE(runbook.volume.snapshot(R1).stat().st_mode) == 0o700
    assert runbook.lines() == [("adopted", R1), ("live", R1), ("good", R1)]
    line = runbook.site.ledger.load(R1)
    assert line.why == "adopted: it was live when reingest first saw this volume"
    assert (line.detail["system_identifier"], line.detail["major"]) == ("1001", "16")
    assert line.detail["bytes"] > 8192
    assert before <= inodes(runbook.volume.root)
    assert runbook.settled()


def test_check_mode_says_the_same_and_touches_nothing(runbook):
    runbook.promote(R1)
    runbook.promote(R2)
    before = tree(runbook.volume.root)
    dry = runbook.plan()
    assert tree(runbook.volume.root) == before
    assert runbook.adopt().did() == dry.did()


def test_the_second_promotion_put_its_link_into_the_live_directory_and_changed_nothing(runbook):
    runbook.promote(R1)
    runbook.promote(R2)
    stray = runbook.volume.snapshot(R1) / R2
    assert stray.is_symlink()  # so the runbook leaves it
    assert not stray.exists()
    assert runbook.volume.live() == R1
    plan = runbook.adopt()
    assert any(
        f"{R1}/{R2} is a link inside a data directory: a second ln -sf put it there, and prod was not "
        f"pointed at {R2}: take the link away" in sentence
        for sentence in plan.did()
    )
    assert not os.path.lexists(stray)
    assert runbook.volume.live() == R1
    # What never went live is known, and can be promoted by name.
    assert runbook.lines() == [("adopted", R2), ("adopted", R1), ("live", R1), ("good", R1)]
    assert runbook.settled()
    runbook.site.promote(R2)
    assert runbook.volume.live() == R2


def test_files_and_directories_with_such_a_name_inside_a_data_directory_stay(runbook):
    runbook.promote(R1)
    (runbook.volume.snapshot(R1) / R2).mkdir()
    (runbook.volume.snapshot(R1) / R3).write_text("mine")
    (runbook.volume.snapshot(R1) / "pg_stat_tmp").symlink_to("/nowhere")
    runbook.adopt()
    assert (runbook.volume.snapshot(R1) / R2).is_dir()
    assert (runbook.volume.snapshot(R1) / R3).read_text() == "mine"
    assert (runbook.volume.snapshot(R1) / "pg_stat_tmp").is_symlink()


class TestRealProd:
    @pytest.fixture
    def runbook(self, runbook):
        """Return a volume whose ``prod`` is a database: moved there by hand, or made by a container."""
        runbook.load()
        runbook.shell("mv ingest prod; mkdir ingest; chmod 700 ingest")
        return runbook

    def test_it_becomes_a_snapshot_and_prod_a_link_to_it(self, runbook):
        inode = runbook.volume.prod.stat().st_ino
        plan = runbook.adopt()
        assert plan.did()[0] == (
            f"{runbook.volume.prod} is a directory, not a link: make it staging/{ADOPTED} and point prod at "
            "that, in one step"
        )
        assert os.fspath(runbook.volume.prod.readlink()) == f"staging/{ADOPTED}"
        assert runbook.volume.snapshot(ADOPTED).stat().st_ino == inode
        assert not runbook.volume.adopting.exists()
        assert runbook.settled()

    def test_its_lines_are_written_by_the_same_run(self, runbook):
        runbook.adopt()
        assert runbook.settled()
        assert runbook.lines() == [("adopted", ADOPTED), ("live", ADOPTED), ("good", ADOPTED)]

    @pytest.mark.parametrize("used", ["process", "pid file", "unclean"])
    def test_while_it_is_in_use_only_that_repair_is_refused(self, runbook, used):
        prod = runbook.volume.prod
        (runbook.volume.ingest / ".left").write_text("")
        with process_in(prod if used == "process" else "/"):
            if used == "pid file":
                (prod / "postmaster.pid").write_text("1\n")
            if used == "unclean":
                edit_control(prod, state=IN_PRODUCTION)
            plan = runbook.adopt()
            assert len(plan.refused()) == 1
            order = "stop it in order" if used == "process" else "start it once and stop it in order"
            assert (
                "is a directory, not a link: a run repairs it only while production is stopped in order; "
                f"{order}, then run playbooks/recover.yml (" in plan.refused()[0]
            )
            assert plan.refused()[0].count("stop") == 2  # one order, and what it is about
        assert prod.is_dir()
        assert not prod.is_symlink()
        assert not (runbook.volume.ingest / ".left").exists()  # the other repair
        assert runbook.lines() == []

    def test_somebody_who_comes_after_the_plan_stops_it(self, runbook):
        plan = runbook.plan()
        with process_in(runbook.volume.prod), pytest.raises(Refusal, match="cannot be adopted"):
            apply_adoption(runbook.volume, plan, run="run", operator=OPERATOR)
        assert not runbook.volume.prod.is_symlink()
        assert runbook.adopt().did()  # the link that waits is no hindrance
        assert runbook.volume.live() == ADOPTED

    def test_a_run_that_died_before_the_exchange_is_gone_on_with_under_the_same_id(self, runbook):
        make_own_directory(runbook.volume.records)
        make_own_directory(runbook.volume.staging, through=True)
        open_adopting(runbook.volume, Adopting(R2, place_of(runbook.volume.prod)))
        runbook.volume.snapshot(R2).symlink_to(f"staging/{R2}")
        runbook.adopt()
        assert runbook.volume.live() == R2
        assert runbook.settled()

    def test_a_run_that_died_between_two_renames_is_gone_on_with(self, runbook):
        """On a file system without exchange; after it ``prod`` is missing for a moment."""
        make_own_directory(runbook.volume.records)
        make_own_directory(runbook.volume.staging, through=True)
        open_adopting(runbook.volume, Adopting(R2, place_of(runbook.volume.prod)))
        runbook.volume.prod.rename(runbook.volume.snapshot(R2))
        runbook.adopt()
        assert runbook.volume.live() == R2
        assert runbook.lines()[-1] == ("good", R2)
        assert runbook.settled()

    def test_an_empty_one_goes(self, runbook):
        shutil.rmtree(runbook.volume.prod)
        runbook.volume.prod.mkdir()
        plan = runbook.adopt()
        assert "is an empty directory, which a container made that met a missing prod" in plan.did()[0]
        assert not os.path.lexists(runbook.volume.prod)

    def test_an_empty_one_makes_way_for_the_link_that_was_there(self, runbook):
        shutil.rmtree(runbook.volume.prod)
        runbook.site.serve(A, B)
        runbook.shell("rm prod; mkdir prod")
        assert f"point it at staging/{B}, which was live" in runbook.adopt().did()[0]
        assert runbook.volume.live() == B

    def test_one_that_is_no_database_is_left_alone_and_named(self, runbook):
        (runbook.volume.prod / "PG_VERSION").unlink()
        plan = runbook.adopt()
        assert "no database that could be adopted" in plan.told()[0]
        assert (runbook.volume.prod / "global").is_dir()


class TestSpelling:
    @pytest.mark.parametrize(
        "target",
        [
            "{root}/staging/{name}",
            "./staging/{name}/",
            "staging/../staging/{name}",
            "/container/staging/{name}",
        ],
        ids=["absolute", "slash", "dots", "of a container"],
    )
    def test_a_link_that_is_spelled_otherwise_is_read_and_written_anew(self, runbook, target):
        runbook.promote(R1)
        target = target.format(root=runbook.volume.root, name=R1)
        runbook.shell(f"ln -sfn {target} prod")
        assert runbook.volume.live() == R1
        assert not runbook.volume.dangles()
        runbook.adopt()
        assert os.fspath(runbook.volume.prod.readlink()) == f"staging/{R1}"
        assert runbook.settled()

    def test_a_link_out_of_the_volume_is_refused_by_name(self, runbook, tmp_path):
        runbook.promote(R1)
        (tmp_path / "staging").mkdir()
        runbook.shell(f"mv staging/{R1} {tmp_path}/staging; ln -sfn {tmp_path}/staging/{R1} prod")
        with pytest.raises(Refusal, match=r"leads to .*, not to a snapshot in"):
            runbook.volume.live()
        runbook.adopt()
        assert os.fspath(runbook.volume.prod.readlink()) == f"{tmp_path}/staging/{R1}"

    def test_a_snapshot_that_is_a_link_out_of_the_volume_is_never_followed(self, runbook, tmp_path):
        runbook.promote(R1)
        runbook.load()
        runbook.shell(f"mv ingest {tmp_path}/elsewhere; mkdir ingest; chmod 700 ingest")
        runbook.shell(f"ln -s {tmp_path}/elsewhere staging/{R2}; chmod 755 {tmp_path}/elsewhere")
        plan = runbook.adopt()
        assert any(
            f"{R2} is a link to {tmp_path}/elsewhere, which is never followed" in one for one in plan.told()
        )
        assert stat.S_IMODE((tmp_path / "elsewhere").stat().st_mode) == 0o755
        assert ("adopted", R2) not in runbook.lines()
        runbook.shell(f"ln -sfn staging/{R2} prod")
        with pytest.raises(Refusal, match="not to a snapshot in"):
            runbook.volume.live()

    def test_a_link_to_nothing_is_left_for_a_promotion(self, runbook):
        runbook.promote(R1)
        runbook.shell("ln -sfn staging/2026-01-01T00:00:00 prod")
        assert runbook.volume.dangles()
        plan = runbook.adopt()
        assert runbook.lines() == [("adopted", R1)]
        assert plan.refused() == []

    def test_a_link_to_itself_is_refused(self, runbook):
        runbook.shell("ln -s prod prod")
        with pytest.raises(Refusal, match="not to a snapshot in"):
            runbook.volume.live()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_directory_of_root_gets_the_owner_of_its_files_and_its_files_stay_theirs(runbook):
    runbook.load()
    runbook.shell("chown -R 65534:65534 ingest")
    runbook.shell(RUNBOOK, timestamp=R1)
    assert runbook.volume.snapshot(R1).stat().st_uid == 0
    runbook.adopt()
    own = runbook.volume.snapshot(R1).stat()
    assert (own.st_uid, own.st_gid, stat.S_IMODE(own.st_mode)) == (65534, 65534, 0o700)
    assert runbook.settled()


def test_files_that_the_group_may_read_keep_that(runbook):
    runbook.load()
    runbook.shell("chmod -R g+rX ingest")
    runbook.shell(RUNBOOK, timestamp=R1)
    runbook.adopt()
    assert stat.S_IMODE(runbook.volume.snapshot(R1).stat().st_mode) == 0o750


class TestIngest:
    def test_dotfiles_that_mv_left_are_moved_aside_and_kept(self, runbook):
        runbook.load()
        (runbook.volume.ingest / ".psql_history").write_text("select 1")
        (runbook.volume.ingest / ".cache/deep").mkdir(parents=True)
        runbook.shell(RUNBOOK, timestamp=R1)
        assert names(runbook.volume.ingest) == [".cache", ".psql_history"]
        assert runbook.adopt().did()[-1].startswith(f"{runbook.volume.snapshot(R1)} is live")
        assert names(runbook.volume.ingest) == []
        assert (runbook.volume.adopted / "run/.psql_history").read_text() == "select 1"
        assert (runbook.volume.adopted / "run/.cache/deep").is_dir()
        assert runbook.settled()

    def test_dotfiles_of_a_cluster_that_is_there_stay_with_it(self, runbook):
        runbook.load()
        (runbook.volume.ingest / ".psql_history").write_text("select 1")
        assert runbook.settled()

    def test_a_file_that_a_process_has_open_on_nfs_is_left_and_named(self, runbook):
        (runbook.volume.ingest / ".nfs00000001").write_text("")
        plan = runbook.adopt()
        assert plan.told() == [
            f"{runbook.volume.ingest}/.nfs00000001 was deleted while a process had it open: it goes when "
            "that process ends"
        ]
        assert runbook.settled()

    def test_a_missing_one_is_made_with_the_owner_of_the_live_snapshot(self, runbook):
        runbook.promote(R1)
        if os.geteuid() == 0:
            runbook.shell(f"chown -R 65534 staging/{R1}")
        runbook.shell("rmdir ingest")
        runbook.adopt()
        own = runbook.volume.ingest.stat()
        assert stat.S_IMODE(own.st_mode) == 0o700
        assert own.st_uid == (65534 if os.geteuid() == 0 else os.geteuid())
        assert runbook.settled()

    def test_a_missing_one_on_a_new_volume_is_private(self, runbook):
        runbook.shell("rmdir ingest; chmod 755 .")
        runbook.adopt()
        assert stat.S_IMODE(runbook.volume.ingest.stat().st_mode) == 0o700

    def test_half_a_cluster_is_left_and_named(self, runbook):
        runbook.load()
        runbook.shell(
            f"mkdir -p staging/{R1}; mv ingest/PG_VERSION ingest/base staging/{R1}"
        )  # mv was killed
        before = inodes(runbook.volume.root)
        plan = runbook.adopt()
        assert any(
            "ingest holds global, pg_tblspc, pg_wal and more and no database" in one for one in plan.told()
        )
        assert runbook.lines() == [("bad", R1)]
        assert before <= inodes(runbook.volume.root)


class TestStaging:
    def test_what_is_no_snapshot_is_named_and_left(self, runbook):
        runbook.shell(f"mkdir staging staging/old; touch staging/old/file staging/{R1}")
        before = tree(runbook.volume.root)
        plan = runbook.plan()
        told = [sentence.removeprefix(f"{runbook.volume.staging}/") for sentence in plan.told()]
        assert told == [
            f"{R1} is no directory: take it away",
            "old is no snapshot: its name is no time such as 20261123T114500Z; rename it, or take it away",
        ]
        assert not plan.changed
        assert tree(runbook.volume.root) == before

    def test_half_a_load_is_marked_as_bad_and_kept(self, runbook):
        runbook.promote(R1)
        runbook.promote(R2)
        (runbook.volume.snapshot(R2) / "global/pg_control").unlink()
        runbook.adopt()
        assert runbook.site.ledger.why_bad(R2) == "adopted: it is no whole cluster, global/pg_control missing"
        assert (runbook.volume.snapshot(R2) / "PG_VERSION").exists()
        assert runbook.settled()

    def test_an_empty_directory_goes(self, runbook):
        runbook.promote(R1)
        runbook.shell(f"mkdir staging/{R2}")
        runbook.adopt()
        assert not runbook.volume.snapshot(R2).exists()


class TestLedger:
    def test_a_volume_in_order_is_left_alone(self, runbook):
        runbook.site.serve(A, B)
        before = tree(runbook.volume.root)
        assert runbook.settled()
        assert runbook.plan().told() == []
        runbook.adopt()
        assert tree(runbook.volume.root) == before

    def test_a_new_volume_is_left_alone(self, runbook):
        assert runbook.settled()
        assert runbook.plan().told() == []

    def test_prod_that_was_pointed_elsewhere_by_hand_is_written_down(self, runbook):
        runbook.site.serve(A, B)
        runbook.shell(f"ln -sfn staging/{A} prod")
        assert (
            "is live, and the ledger says another one is: write down that it is live"
            in runbook.adopt().did()[0]
        )
        assert runbook.site.ledger.live() == A
        assert runbook.site.ledger.entries[-1].detail == {"previous": B, "kind": "by hand"}
        assert runbook.settled()

    def test_prod_that_was_taken_away_comes_back(self, runbook):
        runbook.site.serve(A, B)
        runbook.shell("rm prod")
        runbook.adopt()
        assert runbook.volume.live() == B

    def test_a_first_promotion_that_was_taken_back_leaves_no_prod_to_bring_back(self, runbook):
        runbook.site.load(A)
        runbook.site.promote(run="run")
        runbook.site.recover(failed="unhealthy", run="run")
        assert not os.path.lexists(runbook.volume.prod)
        assert runbook.settled()

    @pytest.mark.parametrize("kept", [1, 2])
    def test_a_run_that_died_between_its_lines_is_gone_on_with(self, runbook, kept):
        runbook.promote(R1)
        runbook.adopt()
        lines = runbook.volume.ledger.read_text().splitlines(keepends=True)
        runbook.volume.ledger.write_text("".join(lines[:kept]))
        runbook.adopt()
        assert runbook.lines() == [("adopted", R1), ("live", R1), ("good", R1)]

    def test_an_adopted_one_that_was_made_live_by_a_promotion_is_not_called_good(self, runbook):
        runbook.promote(R1)
        runbook.promote(R2)
        runbook.adopt()
        runbook.site.promote(R2)
        assert runbook.settled()
        assert not runbook.site.ledger.good(R2)

    def test_while_a_journal_is_open_only_prod_is_looked_at(self, runbook):
        runbook.promote(R1)
        (runbook.volume.ingest / ".left").write_text("")
        make_own_directory(runbook.volume.records)
        place = place_of(runbook.volume.snapshot(R1))
        open_intent(runbook.volume, Intent("dead", OPERATOR, "ingest", R1, "", "ingest", place))
        runbook.adopt()
        assert runbook.lines() == []
        assert (runbook.volume.ingest / ".left").exists()

    def test_a_damaged_ledger_is_no_missing_one(self, runbook):
        runbook.site.serve(A)
        runbook.volume.ledger.write_text("rubbish\n" + runbook.volume.ledger.read_text())
        with pytest.raises(Refusal, match=r"line 1 of .* is damaged"):
            runbook.plan()


def test_what_was_adopted_is_served_on_by_the_next_ingest_and_is_the_way_back(runbook):
    runbook.promote(R1)
    runbook.promote(R2)
    runbook.adopt()
    runbook.site.serve(A)
    assert previous_snapshot(runbook.volume) == R1
    runbook.site.promote(R1, kind="rollback")
    assert runbook.volume.live() == R1
    assert ledger_file.BAD in [entry.state for entry in runbook.site.ledger.entries]


@pytest.mark.parametrize("exchanges", [True, False])
def test_an_adoption_killed_before_any_of_its_changes_is_gone_on_with(make_site, monkeypatch, exchanges):
    """The worst volume: ``prod`` a directory, stray links, dotfiles, snapshots of every sort."""
    if not exchanges:
        monkeypatch.setattr(adopt, "exchange", lambda one, other: False)
    ends, killed = [], True
    step = 0
    while killed:
        runbook = Runbook(make_site(f"volume {step}"))
        runbook.promote(R1)
        runbook.promote(R2)
        runbook.load()
        (runbook.volume.ingest / ".psql_history").write_text("select 1")
        runbook.shell(
            f"rm prod; mv staging/{R1} prod; mkdir staging/{A} staging/{B}; mv ingest/* staging/{B}"
        )
        runbook.shell(f"rm staging/{B}/global/pg_control")
        before = inodes(runbook.volume.root)
        killed = killed_at(step, runbook.adopt)
        # Whatever came of it, the data directory that was prod is there, and prod leads to nothing else.
        assert before <= inodes(runbook.volume.root)
        if os.path.lexists(runbook.volume.prod):
            assert (runbook.volume.prod / "PG_VERSION").is_file()
        else:
            assert not exchanges
        runbook.adopt()
        assert runbook.settled()
        assert before <= inodes(runbook.volume.root)
        ends.append((runbook.volume.live(), sorted(set(runbook.lines())), names(runbook.volume.ingest)))
        step += 1
    assert step > 40
    assert all(end == ends[0] for end in ends)
    assert ends[0][0] == ADOPTED
