"""Clusters that were really initialised, made once a session, and volumes as a load leaves them."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from claims import claim_for
from clusters import core_of, initialise, programs, unprivileged

from plugins.module_utils.reingest.fs.durable import make_own_directory
from plugins.module_utils.reingest.postgres.control import read_control
from plugins.module_utils.reingest.promotion.finalised import FinaliseRecord
from plugins.module_utils.reingest.promotion.promote import apply_promotion, plan_promotion
from plugins.module_utils.reingest.promotion.recovery import apply_recovery, plan_recovery
from plugins.module_utils.reingest.volume import ledger as ledger_file
from plugins.module_utils.reingest.volume.layout import Volume
from plugins.module_utils.reingest.volume.ledger import read_ledger

OPERATOR = "0000-0002-1825-0097"


@pytest.fixture(scope="session")
def cluster():
    """Return ``make(major)``: the path of a cluster of that version, shut down; do not change it."""
    root = Path(tempfile.mkdtemp(prefix="reingest-unit-", dir="/var/tmp"))
    root.chmod(0o755)
    account = unprivileged()

    def make(major):
        data = root / str(major) / "data"
        if not data.exists():
            data.parent.mkdir()
            os.chown(data.parent, account.pw_uid, account.pw_gid)
            initialise(programs(major, root), data)
        return data

    yield make
    shutil.rmtree(root)


@dataclass(frozen=True)
class Site:
    """A volume, and the steps of a run on it."""

    volume: Volume
    template: object

    def load(self, snapshot, *, finalised=True, digest=""):
        """Put a load into ``ingest/``; its system identifier is the snapshot's id as a number."""
        identifier = int("".join(digit for digit in snapshot if digit.isdigit()))
        self.volume.ingest.mkdir(mode=0o700, exist_ok=True)
        core_of(self.template, self.volume.ingest, identifier)
        if finalised:
            detail = {"system_identifier": str(identifier), "release": f"r{snapshot[:8]}"}
            detail["digest"] = digest or f"digest of {snapshot}"
            detail.update(self.finalise_record().detail())
            make_own_directory(self.volume.records)
            self.record(ledger_file.LOADED, snapshot, "load", detail)
        return snapshot

    def finalise_record(self):
        """Return the record of what is in ``ingest/`` now."""
        control = read_control(self.volume.ingest)
        settings = {"fsync": "on", "full_page_writes": "on", "wal_level": control.wal_level}
        return FinaliseRecord(control.checkpoint_lsn, control.timeline, settings, "2026-11-23T12:00:00+00:00")

    def record(self, event, snapshot, run, detail=None):
        ledger_file.append(self.volume, event, snapshot, run=run, operator=OPERATOR, detail=detail)

    def plan(self, snapshot="", *, run="", loaded="", dry=False, force=False):
        return plan_promotion(self.volume, snapshot, loaded=loaded, dry=dry, run=run, force=force)

    def promote(self, snapshot="", *, run="run", kind="promote", force=False):
        plan = self.plan(snapshot, run=run, force=force)
        apply_promotion(self.volume, plan, run=run, operator=OPERATOR, kind=kind)
        return plan

    def serve(self, *snapshots):
        """Load and promote one after the other, each by a run of its own that proves what it serves."""
        for snapshot in snapshots:
            self.load(snapshot)
            self.promote(run=f"run-of-{snapshot}")
            self.record(ledger_file.GOOD, snapshot, f"run-of-{snapshot}")

    def recover(self, *, failed="", run="run"):
        """Bring the volume to where it belongs; with ``failed`` the run's promotion is taken back."""
        plan = plan_recovery(self.volume, failed=failed, run=run)
        if plan.changed:
            apply_recovery(self.volume, plan, run=run, operator=OPERATOR)
        return plan

    def claim(self, run="run-1"):
        claim_for(self.volume, run)

    @property
    def ledger(self):
        return read_ledger(self.volume)

    def events(self):
        return [(entry.state, entry.snapshot) for entry in self.ledger.entries]


@pytest.fixture
def make_site(cluster, tmp_path):
    """Return ``make(name)``, which makes a volume with an empty ``ingest/``."""

    def make(name="volume"):
        root = tmp_path / name
        (root / "ingest").mkdir(parents=True, mode=0o700)
        return Site(Volume(root), cluster(16))

    return make


@pytest.fixture
def site(make_site):
    return make_site()


@pytest.fixture
def begin(run_module, tmp_path):
    """Return ``begin(site, ...)``, which begins run 1: claims the volume, and adopts what is on it."""

    def run(site, **more):
        host = {"volume": str(site.volume.root), "engine": "process", "records": str(tmp_path / "records")}
        return run_module(
            "run_begin", **{**host, "run": "run-1", "operator": OPERATOR, "operators": [OPERATOR], **more}
        )

    return run


@pytest.fixture
def precious(tmp_path):
    """Return a folder of root's with a file in it, which nothing that an attacker does may touch."""
    folder = tmp_path / "precious"
    folder.mkdir()
    (folder / "file").write_text("root's own")
    return folder


@pytest.fixture
def source(tmp_path):
    """Return ``write(content, name)``, which makes a file of a text or bytes and returns its path."""

    def write(content, name="source"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder that all the examples of a property share."""
    return tmp_path_factory.mktemp("examples")
