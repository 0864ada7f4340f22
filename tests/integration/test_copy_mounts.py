"""A load in an ``ingest/`` that no rename leaves: copied to the volume, killed in between, promoted."""

from __future__ import annotations

import contextlib
import filecmp
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from clusters import as_unprivileged, initialise, unprivileged, whole_cluster
from deployment import free_port
from mounts import bind, image, mount, needs
from tiers import full, sample, sample_of
from waiting import wait_for

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.fs.durable import make_own_directory
from plugins.module_utils.reingest.postgres.control import read_control
from plugins.module_utils.reingest.promotion.finalised import FinaliseRecord
from plugins.module_utils.reingest.promotion.movable import ingest_mount_faults
from plugins.module_utils.reingest.promotion.promote import apply_promotion, plan_promotion
from plugins.module_utils.reingest.staging.copy import apply_copy, plan_copy
from plugins.module_utils.reingest.staging.emptying import give_up_emptying
from plugins.module_utils.reingest.volume import ledger as ledger_file
from plugins.module_utils.reingest.volume.layout import Volume

A = "20261101T000000Z"
OPERATOR = "0000-0002-1825-0097"
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Place:
    """A volume whose ``ingest/`` holds a load."""

    volume: Volume
    binaries: Path
    template: Path

    def load(self):
        subprocess.run(["cp", "-a", f"{self.template}/.", self.volume.ingest], check=True)
        self.volume.ingest.chmod(0o700)  # cp leaves the sticky bit of a tmpfs
        control = read_control(self.volume.ingest)
        settings = {"fsync": "on", "full_page_writes": "on", "wal_level": control.wal_level}
        record = FinaliseRecord(
            control.checkpoint_lsn, control.timeline, settings, "2026-11-23T12:00:00+00:00"
        )
        detail = {"system_identifier": control.system_identifier, "release": "r1"}
        detail.update(record.detail(), digest="of r1")
        make_own_directory(self.volume.records)
        ledger_file.append(self.volume, ledger_file.LOADED, A, run="load", operator=OPERATOR, detail=detail)

    def plan(self, *, dry=False, force=False):
        return plan_copy(self.volume, "", loaded="", dry=dry, force=force)

    def copy(self):
        return apply_copy(self.volume, self.plan())

    def promote(self):
        plan = plan_promotion(self.volume, A, loaded="", dry=False)
        apply_promotion(self.volume, plan, run="run", operator=OPERATOR, kind="ingest")
        return plan


@pytest.fixture(scope="module")
def built():
    """Return a folder with the programs of PostgreSQL and a cluster that they made."""
    with whole_cluster() as built:
        yield built


@pytest.fixture
def place(built):
    """Return ``make(prepare)``: a volume, and ``prepare(stack, home, ingest)`` mounts its ``ingest/``."""
    needs("mount")
    home = Path(tempfile.mkdtemp(prefix="reingest-copy-", dir="/var/tmp"))
    home.chmod(0o755)
    with contextlib.ExitStack() as stack:

        def make(prepare):
            volume = Volume(home / "volume")
            volume.ingest.mkdir(parents=True, mode=0o700)
            prepare(stack, home, volume.ingest)
            os.chown(volume.root, unprivileged().pw_uid, unprivileged().pw_gid)
            made = Place(volume, *built)
            made.load()
            return made

        yield make
    shutil.rmtree(home)


def on_ext4(stack, home, ingest):
    image(stack, "ext4", ingest, backing=home / "image")


def on_tmpfs(stack, home, ingest):
    mount(stack, "-t", "tmpfs", "-o", "mode=0700", "tmpfs", at=ingest)


def bound(stack, home, ingest):
    (home / "elsewhere").mkdir()
    bind(stack, home / "elsewhere", ingest)


def sharing(kind):
    """Return what makes the whole volume one file system that shares blocks, ``ingest/`` a bind mount."""

    def prepare(stack, home, ingest):
        image(stack, kind, home / "volume", backing=home / "image")
        (home / "volume/elsewhere").mkdir()
        bind(stack, home / "volume/elsewhere", ingest)

    return prepare


def same(one, other):
    """Return whether two trees have the same content, owners, modes and times."""
    found = [path.relative_to(one) for path in sorted(one.rglob("*"))]
    if found != [path.relative_to(other) for path in sorted(other.rglob("*"))]:
        return False
    for name in found:
        a, b = (one / name).lstat(), (other / name).lstat()
        if (a.st_mode, a.st_uid, a.st_gid, a.st_mtime_ns) != (b.st_mode, b.st_uid, b.st_gid, b.st_mtime_ns):
            return False
        if (one / name).is_file() and not filecmp.cmp(one / name, other / name, shallow=False):
            return False
    return True


def test_a_load_of_what_a_rollback_left_for_being_bad_is_not_even_copied(place):
    made, bad = place(bound), "20261031T000000Z"
    lines = [(ledger_file.LOADED, {"digest": "of r1"}), (ledger_file.LIVE, {"previous": ""})]
    for state, detail in [*lines, (ledger_file.BAD, {})]:
        ledger_file.append(made.volume, state, bad, run="back", operator=OPERATOR, detail=detail)
    with pytest.raises(Refusal, match=f"the sources of snapshot {bad}, which is bad, marked by {OPERATOR}"):
        made.plan()
    assert made.plan(force=True).did() == [f"copy ingest to staging/{A}", "empty ingest"]


@pytest.mark.parametrize(
    "prepare", sample_of({made.__name__: made for made in (on_ext4, on_tmpfs, bound)}, "on_ext4")
)
def test_a_load_on_another_mount_is_copied_promoted_and_its_place_is_empty(place, prepare):
    made = place(prepare)
    expected = made.volume.root.with_name("expected")
    subprocess.run(["cp", "-a", made.volume.ingest, expected], check=True)
    with pytest.raises(Refusal, match=r"is a mount of its own.*or have loads copied \(reingest_copy: true\)"):
        made.promote()
    plan = made.plan()
    assert plan.did() == [f"copy ingest to staging/{A}", "empty ingest"]
    assert apply_copy(made.volume, plan).shown()["cloned"] == 0
    assert same(expected, made.volume.snapshot(A))
    assert list(made.volume.ingest.iterdir()) == []
    assert ingest_mount_faults(made.volume)  # the mount itself stays
    assert sorted(path.name for path in made.volume.records.iterdir()) == ["ledger.jsonl"]
    assert not made.plan().changed
    assert not made.promote().move
    assert made.volume.live() == A
    made.volume.ingest.chmod(0o700)
    initialise(made.binaries, made.volume.ingest)  # the staging server's next cluster
    assert not made.plan().changed  # which is no load


@pytest.mark.parametrize("kind", sample(["xfs", "btrfs"], "xfs"))
def test_where_files_can_share_blocks_nothing_is_written(place, kind):
    made = place(sharing(kind))
    os.sync()
    before = shutil.disk_usage(made.volume.root).used
    expected = made.volume.root.with_name("expected")
    subprocess.run(["cp", "-a", made.volume.ingest, expected], check=True)
    figures = made.copy().shown()
    assert figures["cloned"] == figures["files"] > 900
    assert same(expected, made.volume.snapshot(A))
    os.sync()
    assert shutil.disk_usage(made.volume.root).used - before < figures["bytes"] / 4
    made.promote()
    assert made.volume.live() == A


def test_the_plan_in_check_mode_takes_the_server_as_stopped_and_the_real_one_does_not(place):
    made = place(on_tmpfs)
    with server_on(made):
        assert made.plan(dry=True).changed
        with pytest.raises(Refusal, match=r"cannot be copied: .*postmaster.pid is there.*works in"):
            made.plan()


def test_a_volume_without_room_for_the_copy_is_refused_before_it_begins(place):
    made = place(
        lambda stack, home, ingest: (
            image(stack, "ext4", home / "volume", backing=home / "image", size="24M"),
            ingest.mkdir(),
            on_tmpfs(stack, home, ingest),
        )
    )
    with pytest.raises(Refusal, match=r"free, the copy of .*ingest needs .* MiB: prune"):
        made.copy()
    assert (made.volume.ingest / "PG_VERSION").exists()


def test_a_load_that_was_gone_on_with_after_its_copy_is_copied_again(place):
    made = place(on_tmpfs)
    made.copy()
    # Killed before ingest/ was emptied, then written to: the staging server ran again.
    subprocess.run(["cp", "-a", f"{made.template}/.", made.volume.ingest], check=True)
    (made.volume.ingest / ".reingest-gone").mkdir()
    with server_on(made):
        pass
    newer = read_control(made.volume.ingest)
    assert made.plan().stale
    made.copy()
    assert read_control(made.volume.snapshot(A)) == newer
    assert not (made.volume.snapshot(A) / ".reingest-gone").exists()
    assert made.promote().snapshot == A


@contextlib.contextmanager
def server_on(made):
    """Run a server on ``ingest/``, and stop it in order."""
    server = subprocess.Popen(
        [made.binaries / "postgres", "-D", made.volume.ingest, "-k", "", "-p", str(free_port())],
        stderr=subprocess.DEVNULL,
        cwd="/",
        **as_unprivileged(),
    )
    pid = made.volume.ingest / "postmaster.pid"
    wait_for(lambda: server.poll() is not None or (pid.exists() and "ready" in pid.read_text()))
    assert server.poll() is None
    try:
        yield
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()


_COPY = """
import sys
from pathlib import Path
from plugins.module_utils.reingest.staging.copy import apply_copy, plan_copy
from plugins.module_utils.reingest.staging.emptying import give_up_emptying
from plugins.module_utils.reingest.volume.layout import Volume
volume = Volume(Path(sys.argv[1]))
print(apply_copy(volume, plan_copy(volume, "", loaded="", dry=False)).shown()["kept"])
"""


def copying(made, *before):
    return subprocess.run(
        [*before, sys.executable, "-c", _COPY, made.volume.root],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("call", "when"),
    [
        # Threads are counted one by one.
        pytest.param("fsync", 1, marks=full),
        ("fsync", 100),
        pytest.param("mkdirat", 3, marks=full),
        ("renameat", 1),
        *[pytest.param("renameat", when, marks=full) for when in (3, 4, 5, 12)],
        pytest.param("unlinkat", 1, marks=full),
        ("unlinkat", 900),
    ],
)
def test_a_copy_that_is_killed_is_gone_on_with_and_no_server_ever_starts_on_half_of_it(place, call, when):
    needs("strace")
    made = place(on_tmpfs)
    expected = made.volume.root.with_name("expected")
    subprocess.run(["cp", "-a", made.volume.ingest, expected], check=True)
    inject = f"inject={call}:signal=KILL:when={when}"
    killed = copying(made, "strace", "-f", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject)
    assert killed.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), killed.stderr
    # What lies in staging/ is whole, and what lies in ingest/ is whole or no cluster at all.
    if made.volume.snapshot(A).exists():
        assert same(expected, made.volume.snapshot(A))
    else:
        assert same(expected, made.volume.ingest)
    if (made.volume.ingest / "PG_VERSION").exists():
        give_up_emptying(made.volume)
        assert same(expected, made.volume.ingest)
    gone_on = copying(made)
    assert gone_on.returncode == 0, gone_on.stderr
    if (call, when) == ("fsync", 100):
        assert int(gone_on.stdout) > 100
    assert same(expected, made.volume.snapshot(A))
    assert list(made.volume.ingest.iterdir()) == []
    assert sorted(path.name for path in made.volume.records.iterdir()) == ["ledger.jsonl"]
    made.promote()
    assert made.volume.live() == A
