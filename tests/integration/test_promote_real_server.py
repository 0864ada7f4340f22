"""Promotions under real servers: what was loaded is served; mounts that forbid a rename are refused."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest
from claims import claim_for
from clusters import MAJORS, initialise, need_major, programs, unprivileged
from deployment import free_port
from tiers import sample

from plugins.module_utils.reingest.engines.model import Health, Service
from plugins.module_utils.reingest.engines.process.engine import ProcessEngine
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.postgres.control import read_control
from plugins.module_utils.reingest.promotion.promote import apply_promotion, plan_promotion
from plugins.module_utils.reingest.promotion.recovery import apply_recovery, plan_recovery
from plugins.module_utils.reingest.services.group import apply_group, plan_group
from plugins.module_utils.reingest.staging.finalise import apply_finalise, finalise_cluster, plan_finalise
from plugins.module_utils.reingest.volume.layout import Volume
from plugins.module_utils.reingest.volume.lock import verb

A, B = "20261101T000000Z", "20261102T000000Z"
OPERATOR = "0000-0002-1825-0097"
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Portal:
    """A volume with a staging and a production server."""

    volume: Volume
    binaries: Path
    engine: ProcessEngine
    staging: Service
    production: Service

    def bring(self, state, *services):
        apply_group(self.engine, plan_group(self.engine, services, state), stop_timeout=30, start_timeout=30)

    def load(self, snapshot, text):
        """Load one row with a real server, as a run does."""
        account = unprivileged()
        os.chown(self.volume.ingest, account.pw_uid, account.pw_gid)
        initialise(self.binaries, self.volume.ingest)
        self.bring("started", self.staging)
        connection = psycopg2.connect(self.staging.health.postgresql)
        with connection, connection.cursor() as cursor:
            cursor.execute("create table release as select %s as name", [text])
            cursor.execute("select system_identifier from pg_control_system()")
            identifier = str(cursor.fetchone()[0])
        connection.close()
        claim_for(self.volume, "load")
        with verb(self.volume, "load"):
            plan = plan_finalise(self.volume, snapshot, identifier)
            record, _ = finalise_cluster(self.volume, plan, self.staging.health.postgresql)
            who = {"run": "load", "operator": OPERATOR}
            apply_finalise(self.volume, plan, record, **who, load={"release": text})
        self.bring("stopped", self.staging)

    def promote(self, run):
        plan = plan_promotion(self.volume, "", loaded="", dry=False)
        claim_for(self.volume, run)
        with verb(self.volume, run):
            apply_promotion(self.volume, plan, run=run, operator=OPERATOR, kind="ingest")

    def served(self):
        connection = psycopg2.connect(self.production.health.postgresql)
        with connection, connection.cursor() as cursor:
            cursor.execute("select name from release")
            found = cursor.fetchone()[0]
        connection.close()
        return found


@pytest.fixture(params=sample(MAJORS, MAJORS[-1]))  # in `make test` all whole runs are on 16
def portal(tmp_path, request):
    need_major(request.param)
    root = Path(tempfile.mkdtemp(prefix="reingest-promote-", dir="/var/tmp"))
    root.chmod(0o755)
    account = unprivileged()
    binaries = programs(request.param, root)
    volume = Volume(root / "volume")
    volume.ingest.mkdir(parents=True, mode=0o700)
    os.chown(volume.root, account.pw_uid, account.pw_gid)  # initdb writes beside its directory

    def server(name, data, *, linked):
        port = free_port()
        options = ["-c", f"port={port}", "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        return Service(
            name,
            kind="postgresql",
            data=data,
            linked=linked,
            command=(str(binaries / "postgres"), "-D", str(data), *options),
            user=account.pw_name,
            health=Health(postgresql=f"postgresql://postgres@127.0.0.1:{port}/postgres"),
        )

    made = Portal(
        volume,
        binaries,
        ProcessEngine(tmp_path / "records"),
        server("db-ingest", volume.ingest, linked=False),
        server("db", volume.prod, linked=True),
    )
    yield made
    made.bring("stopped", made.production, made.staging)
    shutil.rmtree(root)


def test_two_releases_are_served_one_after_the_other_and_the_first_comes_back(portal):
    portal.load(A, "r1")
    portal.promote("one")
    portal.bring("started", portal.production)
    assert portal.served() == "r1"

    portal.load(B, "r2")
    with pytest.raises(Refusal, match=rf"{A} is in use: process \d+ \(postgres\) works in it"):
        portal.promote("two")
    portal.bring("stopped", portal.production)
    portal.promote("two")
    portal.bring("started", portal.production)
    assert portal.served() == "r2"
    assert (
        read_control(portal.volume.prod.resolve()).system_identifier
        != read_control(portal.volume.snapshot(A)).system_identifier
    )

    with pytest.raises(Refusal, match="works in it: stop that first"):
        plan_recovery(portal.volume, failed="no answer", run="two")
    portal.bring("stopped", portal.production)
    plan = plan_recovery(portal.volume, failed="no answer", run="two")
    apply_recovery(portal.volume, plan, run="two", operator=OPERATOR)
    portal.bring("started", portal.production)
    assert portal.served() == "r1"


def test_the_new_server_runs_by_the_access_rules_and_settings_of_production(portal):
    portal.load(A, "r1")
    portal.promote("one")
    portal.bring("started", portal.production)
    connection = psycopg2.connect(portal.production.health.postgresql)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("ALTER SYSTEM SET work_mem = '7MB'")
    connection.close()
    hba = portal.volume.prod.resolve() / "pg_hba.conf"
    hba.write_text("host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 reject\n")

    portal.load(B, "r2")
    portal.bring("stopped", portal.production)
    portal.promote("two")
    portal.bring("started", portal.production)
    assert portal.served() == "r2"
    with psycopg2.connect(portal.production.health.postgresql) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW work_mem")
        assert cursor.fetchone() == ("7MB",)
        cursor.execute("SELECT auth_method FROM pg_hba_file_rules ORDER BY line_number")
        assert cursor.fetchall() == [("trust",), ("reject",)]
    connection.close()


def test_the_fresh_ingest_takes_a_new_cluster(portal):
    portal.load(A, "r1")
    portal.promote("one")
    portal.load(B, "r2")
    assert plan_promotion(portal.volume, "", loaded=B, dry=False).snapshot == B


def test_a_running_staging_server_is_not_promoted(portal):
    portal.load(A, "r1")
    portal.bring("started", portal.staging)
    with pytest.raises(Refusal) as refused:
        portal.promote("one")
    for reason in ("postmaster.pid is there", "was not shut down cleanly", "works in"):
        assert reason in str(refused.value)
    assert not portal.volume.prod.exists()


# Runs in a mount namespace of its own, so that nothing of the host changes.
_ACROSS_MOUNTS = """
import subprocess, sys
from pathlib import Path
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.volume.layout import Volume
from plugins.module_utils.reingest.promotion.movable import probe_rename
from plugins.module_utils.reingest.promotion.promote import plan_promotion
root, mounted = Path(sys.argv[1]), sys.argv[2]
subprocess.run(["mount", "--make-rprivate", "/"], check=True)
subprocess.run(["mount", "--bind", root / mounted, root / mounted], check=True)
volume = Volume(root)
for attempt in (lambda: plan_promotion(volume, "", loaded="", dry=False), lambda: probe_rename(volume)):
    try:
        attempt()
    except Refusal as refusal:
        print(refusal)
print((root / "prod").exists(), sorted(path.name for path in root.glob("*/.reingest-probe")))
"""


@pytest.mark.parametrize("mounted", ["ingest", "staging"])
def test_a_directory_that_is_a_mount_of_its_own_is_refused(portal, mounted):
    portal.load(A, "r1")
    portal.volume.staging.mkdir()
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    told = subprocess.run(
        [*unshare, sys.executable, "-c", _ACROSS_MOUNTS, portal.volume.root, mounted],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    assert f"{mounted} is a mount of its own, a rename cannot cross it: mount the whole volume" in told[0]
    assert "different mounts or quota projects; mount the whole volume" in told[1]
    assert told[2] == "False []"
