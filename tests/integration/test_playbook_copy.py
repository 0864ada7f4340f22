"""Whole ingests with an ingest/ on another file system: refused, copied when asked to, killed meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import signal

import pytest
from clusters import unprivileged
from deployment import RELEASE_1, RELEASE_2, ROOT, make_deployment
from mounts import mount, needs
from tiers import full
from waiting import wait_for

from plugins.module_utils.reingest.volume.layout import Volume
from plugins.module_utils.reingest.volume.lock import worker

COPY = ("-e", '{"reingest_copy": true}')


@pytest.fixture(scope="module")
def deployment():
    """Return a deployment whose ``ingest/`` is a file system of its own; the tests follow each other."""
    needs("mount")
    made = make_deployment()
    ingest = made.volume / "ingest"
    account = unprivileged()
    with contextlib.ExitStack() as stack:
        stack.callback(made.clear)
        options = f"mode=0700,uid={account.pw_uid},gid={account.pw_gid}"
        mount(stack, "-t", "tmpfs", "-o", options, "tmpfs", at=ingest)
        stack.callback(made.play, "demo/services.yml", "-e", "demo_state=stopped")
        yield made


@full
def test_it_is_refused_before_anything_is_loaded(deployment):
    code, output = deployment.ingest(RELEASE_1)
    assert code != 0
    assert "ingest is a mount of its own, a rename cannot cross it: mount the whole volume" in output
    assert "or have loads copied (reingest_copy: true)" in output
    assert deployment.processes() == {}
    assert not deployment.locked()


@full
def test_a_dry_run_plans_the_copy_before_the_switch(deployment):
    code, output = deployment.ingest(RELEASE_1, "--check", "--diff", *COPY)
    assert code == 0, output
    sentences = [
        "load study from",
        "copy ingest to staging/",
        "empty ingest",
        "point prod at",
        "start backend",
    ]
    assert [output.index(sentence) for sentence in sentences] == sorted(map(output.index, sentences))
    assert "move ingest to" not in output
    assert deployment.snapshots() == []


@full
def test_a_first_ingest_is_copied_and_served(deployment):
    code, output = deployment.ingest(RELEASE_1, *COPY)
    assert code == 0, output
    assert deployment.health()["release"] == RELEASE_1
    assert os.path.ismount(deployment.volume / "ingest")
    assert set(deployment.processes()) == {"db", "db-ingest", "backend"}
    assert len(deployment.snapshots()) == 1
    at = output.index("copy ingest to staging/")
    assert output.rindex("stop db-ingest", 0, at) < at < output.index("empty ingest", at)


def done_files(folder):
    """Return the inodes of the files that a copy has proven, by name."""
    lines = next(folder.glob("*.done")).read_text().splitlines()[:-1]
    names = [json.loads(line)[1] for line in lines]
    working = next(path for path in folder.iterdir() if path.is_dir())
    return {name: (working / name).stat().st_ino for name in names}


@full
def test_a_copy_that_is_killed_leaves_production_up_and_the_next_run_goes_on_with_it(deployment):
    sources = f"reingest_sources={ROOT}/demo/data/{RELEASE_2}"
    deployment.download()
    run = deployment.start("ingest.yml", "-e", sources, *COPY)
    copying = deployment.volume / ".reingest/copying"
    wait_for(
        lambda: (
            run.poll() is not None
            or any(len(path.read_bytes().splitlines()) > 50 for path in copying.glob("*.done"))
        ),
        "50 files are copied",
        seconds=300,
        pause=0.001,
    )
    assert run.poll() is None, run.communicate()
    copier = worker(Volume(deployment.volume))  # which would outlive its controller
    os.killpg(run.pid, signal.SIGKILL)
    os.kill(copier.pid, signal.SIGKILL)
    run.communicate()
    done = done_files(copying)
    assert len(done) >= 50
    assert deployment.health()["release"] == RELEASE_1
    assert len(deployment.snapshots()) == 1
    code, output = deployment.play("playbooks/status.yml")
    assert "the load: its database nmdc is fenced since" in output, output

    code, output = deployment.ingest(RELEASE_2, *COPY)
    assert code == 0, output
    assert "lift the fence of the load's database nmdc" in output
    assert deployment.health()["release"] == RELEASE_2
    assert deployment.health()["tables"]["file_download"] == 1
    assert not copying.exists()
    promoted = deployment.volume / "staging" / deployment.snapshots()[-1]
    there = {str(path.relative_to(promoted)): path.stat().st_ino for path in promoted.rglob("*")}
    kept = [name for name, inode in done.items() if there.get(name) == inode]
    assert len(kept) > len(done) * 0.8  # all but what its server wrote since


@full
def test_a_dry_run_says_that_the_load_is_fenced_before_it_is_copied(deployment):
    code, output = deployment.ingest(RELEASE_1, "--check", "--diff", *COPY)
    assert code == 0, output
    sentences = [
        "fence the load until it has",
        "copy ingest to staging/",
        "take 1 rows of users: file_download",
    ]
    assert [output.index(sentence) for sentence in sentences] == sorted(map(output.index, sentences))
    assert deployment.health()["release"] == RELEASE_2


@full
def test_a_rollback_that_leaves_the_rows_behind_opens_what_was_fenced(deployment):
    deployment.download()
    code, output = deployment.play("playbooks/rollback.yml", "-e", "reingest_accept=rows")
    assert code == 0, output
    assert "lift the fence of database nmdc" in output
    assert deployment.health()["release"] == RELEASE_1
    assert deployment.health()["tables"]["file_download"] == 1  # as it was when this release last served
