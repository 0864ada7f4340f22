"""Finalising under real servers: all is frozen, the WAL short, the record true; unsafe ones are refused."""

from __future__ import annotations

import os
import subprocess

import pytest
from claims import claim_for
from psycopg2.extensions import make_dsn
from tiers import full, sample

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.postgres.control import lsn_number, read_control
from plugins.module_utils.reingest.postgres.maintenance import freeze
from plugins.module_utils.reingest.promotion.finalised import record_of
from plugins.module_utils.reingest.promotion.promote import plan_promotion
from plugins.module_utils.reingest.staging.finalise import finalise_cluster, plan_finalise
from plugins.module_utils.reingest.volume.layout import Volume
from plugins.module_utils.reingest.volume.ledger import read_ledger

A = "20261101T000000Z"
WHO = {"run": "run-1", "operator": "0000-0002-1825-0097"}
# Users' tables, and their TOAST, with pages that are not all-visible.
UNFROZEN = """
SELECT c.relname FROM pg_class c WHERE c.relkind IN ('r', 't', 'm') AND c.oid >= 16384
AND c.relallvisible * current_setting('block_size')::int < pg_relation_size(c.oid)
"""


class Site:
    """A volume whose ``ingest`` is the data directory of a real server."""

    def __init__(self, server, root):
        self.server = server
        self.volume = Volume(root)
        self.restart("on")

    def restart(self, fsync, *options):
        """Start the server with the command line that decides."""
        if self.server.running:
            self.server.stop()
        line = [f"-p {self.server.port}", "-c listen_addresses=127.0.0.1 -c unix_socket_directories="]
        line += [f"-c fsync={fsync}", *options]
        log = self.server.data.with_suffix(".log")
        self.server.run(
            "pg_ctl", "start", "-w", "-s", "-D", self.server.data, "-l", log, "-o", " ".join(line)
        )

    @property
    def identifier(self):
        return read_control(self.server.data).system_identifier

    def options(self, **more):
        return {
            "volume": str(self.volume.root),
            "snapshot": A,
            "system_identifier": self.identifier,
            "staging_dsn": self.server.dsn(),
            "load": {"release": "r1"},
            **WHO,
            **more,
        }


@pytest.fixture(params=sample([16, 18], 18))
def site(server_factory, request, tmp_path):
    server = server_factory(request.param)
    (tmp_path / "volume").mkdir()
    (tmp_path / "volume/ingest").symlink_to(server.data)
    made = Site(server, tmp_path / "volume")
    claim_for(made.volume, WHO["run"])
    for statement in (
        "CREATE DATABASE nmdc",
        "CREATE DATABASE closed ALLOW_CONNECTIONS false",
    ):
        server.rows(statement)
    for statement in (
        "CREATE TABLE plain (id int PRIMARY KEY, long text)",
        "INSERT INTO plain SELECT i, (SELECT string_agg(md5(random()::text || i || j), '') "
        "FROM generate_series(1, 90) j) FROM generate_series(1, 500) i",
        "CREATE TABLE parted (id int, v text) PARTITION BY RANGE (id)",
        "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100000)",
        "INSERT INTO parted SELECT i, i::text FROM generate_series(0, 9999) i",
        'CREATE SCHEMA "of Mine"',
        'CREATE MATERIALIZED VIEW "of Mine"."my View" AS SELECT * FROM plain',
    ):
        server.rows(statement, "nmdc")
    return made


def test_everything_is_frozen_and_the_record_is_what_the_directory_says(site, run_module):
    assert site.server.rows(UNFROZEN, "nmdc")
    dry = run_module("snapshot_finalise", check=True, **site.options())
    assert not site.volume.ledger.exists()
    real = run_module("snapshot_finalise", **site.options())
    assert (real["changed"], real["step"]["did"], real["diff"]) == (True, dry["step"]["did"], dry["diff"])
    assert set(real["step"]["detail"]["seconds"]) == {"vacuum", "checkpoint", "sync"}
    assert site.server.rows(UNFROZEN, "nmdc") == []

    record = record_of(read_ledger(site.volume).load(A))
    control = read_control(site.server.data)
    assert (record.checkpoint_lsn, record.timeline) == (control.checkpoint_lsn, control.timeline)
    version = site.server.rows("SHOW server_version")[0][0]
    checksums = site.server.rows("SHOW data_checksums")[0][0]
    assert record.settings == {
        "fsync": "on",
        "full_page_writes": "on",
        "wal_level": "replica",
        "data_checksums": checksums,
        "server_version": version,
        "synchronous_commit": "on",
        "autovacuum": "on",
        "archive_mode": "off",
        "max_wal_senders": "10",
    }
    behind = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), %(lsn)s)"
    assert site.server.rows(behind, lsn=record.checkpoint_lsn)[0][0] < 1 << 20
    again = run_module("snapshot_finalise", **site.options())
    assert (again["changed"], again["step"]["did"]) == (False, [])

    site.server.stop()
    stopped = read_control(site.server.data)
    assert stopped.clean
    assert lsn_number(stopped.checkpoint_lsn) > lsn_number(record.checkpoint_lsn)


@full
def test_a_second_freeze_has_little_to_do(site):
    written = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')"
    volumes = []
    for _ in range(2):
        before = site.server.rows(written)[0][0]
        freeze(site.server.dsn())
        volumes.append(site.server.rows(written)[0][0] - before)
    assert volumes[1] < volumes[0]


@pytest.mark.parametrize(
    ("fsync", "options", "said"),
    [
        ("off", (), "postmaster.opts sets fsync = off"),
        ("on", ("-c full_page_writes=off",), "postmaster.opts sets full_page_writes = off"),
    ],
)
def test_a_server_with_an_unsafe_command_line_is_refused(site, run_module, fsync, options, said):
    site.restart(fsync, *options)
    for check in (True, False):
        refused = run_module("snapshot_finalise", check=check, **site.options())
        assert said in refused["msg"]
        assert "a power cut would damage it: start the staging server without it" in refused["msg"]


def test_a_server_whose_settings_come_from_a_file_that_is_not_in_the_directory_is_asked(site):
    outside = site.server.data.with_suffix(".conf")
    plan = plan_finalise(site.volume, A, site.identifier)
    site.restart("on", "-c wal_level=replica")
    site.server.stop()
    outside.write_text(
        f"fsync = off\ndata_directory = '{site.server.data}'\n"
        f"hba_file = '{site.server.data}/pg_hba.conf'\nident_file = '{site.server.data}/pg_ident.conf'\n"
    )
    outside.chmod(0o644)
    options = f"-p {site.server.port} -c config_file={outside} -c unix_socket_directories="
    site.server.run("pg_ctl", "start", "-w", "-s", "-D", site.server.data, "-l", "/dev/null", "-o", options)
    with pytest.raises(Refusal, match=rf"runs with fsync = off \({outside}:1\), a power cut would damage"):
        finalise_cluster(site.volume, plan, site.server.dsn())
    assert read_ledger(site.volume).entries == ()


def test_a_server_of_another_directory_is_refused(site, server_factory, run_module):
    other = server_factory(16)
    refused = run_module("snapshot_finalise", **site.options(staging_dsn=other.dsn()))
    assert "correct reingest_staging_dsn of this host" in refused["msg"]


def test_a_table_that_cannot_be_vacuumed_is_named(site, run_module):
    names = "SELECT pg_relation_filepath('plain')"
    path = site.server.data / site.server.rows(names, "nmdc")[0][0]
    site.server.stop()
    with path.open("r+b") as damaged:
        damaged.write(os.urandom(4096))
    site.restart("on")
    refused = run_module("snapshot_finalise", **site.options())
    assert "table public.plain of nmdc at 127.0.0.1" in refused["msg"]
    assert "cannot be vacuumed: invalid page in block 0" in refused["msg"].replace(
        "page verification failed", ""
    )
    assert read_ledger(site.volume).entries == ()


def test_a_login_that_may_not_checkpoint_finalises_what_it_owns(site, run_module):
    site.server.rows("CREATE ROLE loader LOGIN PASSWORD 'only-for-tests'")
    site.server.rows("ALTER DATABASE nmdc OWNER TO loader")
    dsn = make_dsn(site.server.dsn(), user="loader")
    result = run_module("snapshot_finalise", **site.options(staging_dsn=dsn))
    assert result.get("changed"), result


def test_a_crash_after_it_is_recovered_and_promoted(site, run_module):
    run_module("snapshot_finalise", **site.options())
    site.server.stop("immediate")
    site.restart("on")
    site.server.stop()
    site.volume.ingest.unlink()
    subprocess.run(["cp", "-a", site.server.data, site.volume.ingest], check=True)
    assert plan_promotion(site.volume, "", loaded=A, dry=False).snapshot == A
