"""Settings for a load under real servers: they count while it runs, and nothing of them stays."""

from __future__ import annotations

import pytest
from claims import claim_for
from tiers import sample

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.postgres.control import read_control
from plugins.module_utils.reingest.postgres.load_settings import rendered
from plugins.module_utils.reingest.postgres.settings import LOAD_CONF
from plugins.module_utils.reingest.promotion.finalised import record_of
from plugins.module_utils.reingest.staging.finalise import finalise_cluster, plan_finalise
from plugins.module_utils.reingest.volume.layout import Volume
from plugins.module_utils.reingest.volume.ledger import read_ledger
from plugins.module_utils.reingest.volume.unsynced import read_mark

A = "20261101T000000Z"
WHO = {"run": "run-1", "operator": "0000-0002-1825-0097"}
SEGMENT = 16 << 20
LONGER = {f"{number << 10}MB": f"{number}GB" for number in range(1, 65)}  # as a server shows them


class Site:
    """A volume whose ``ingest`` is the data directory of a real server; its command line decides nothing."""

    def __init__(self, server, root, run_module):
        self.server, self.volume, self._run = server, Volume(root), run_module
        self.restart()

    def restart(self, *options):
        if self.server.running:
            self.server.stop()
        line = [f"-p {self.server.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=", *options]
        log = self.server.data.with_suffix(".log")
        self.server.run(
            "pg_ctl", "start", "-w", "-s", "-D", self.server.data, "-l", log, "-o", " ".join(line)
        )

    def settings(self, state):
        return self._run("staging_settings", state=state, volume=str(self.volume.root), **WHO)

    def finalise(self):
        return self._run(
            "snapshot_finalise",
            volume=str(self.volume.root),
            snapshot=A,
            system_identifier=read_control(self.server.data).system_identifier,
            staging_dsn=self.server.dsn(),
            **WHO,
        )

    def shown(self):
        """Return all settings of the running server that no start decides anew."""
        rows = self.server.rows("SELECT name, setting FROM pg_settings")
        return {name: value for name, value in rows if name != "application_name"}


@pytest.fixture(params=sample([16, 18], 18))
def site(server_factory, request, tmp_path, run_module):
    server = server_factory(request.param)
    (tmp_path / "volume").mkdir()
    (tmp_path / "volume/ingest").symlink_to(server.data)
    made = Site(server, tmp_path / "volume", run_module)
    claim_for(made.volume, WHO["run"])
    return made


def test_the_server_runs_with_them_and_afterwards_as_before(site):
    conf = site.server.data / "postgresql.conf"
    content, before = conf.read_bytes(), site.shown()
    assert site.settings("load")["restart"]
    site.restart()
    there = rendered((site.server.data / LOAD_CONF).read_bytes())
    shown = {name: site.server.rows(f"SHOW {name}")[0][0] for name in there}
    assert shown == {name: LONGER.get(value, value) for name, value in there.items()}
    assert not site.settings("load")["restart"]
    assert read_control(site.server.data).wal_level == "minimal"

    site.server.rows("CREATE TABLE t AS SELECT i, repeat('x', 500) FROM generate_series(1, 300000) i")
    assert site.settings("production")["restart"]
    assert "still runs with its settings for the load" in site.finalise()["msg"]
    site.restart()
    done = site.finalise()
    assert done["changed"], done
    assert site.shown() == before
    assert conf.read_bytes() == content
    assert not (site.server.data / LOAD_CONF).exists()
    assert read_mark(site.volume) is None
    assert read_control(site.server.data).wal_level == "replica"


def test_the_record_shows_a_server_that_was_started_after_they_were_taken_away(site):
    site.settings("load")
    site.restart()
    site.settings("production")
    ended = read_mark(site.volume).ended
    plan = plan_finalise(site.volume, A, read_control(site.server.data).system_identifier)
    with pytest.raises(Refusal, match=rf"they were taken away at {ended[:19]}.*; run load\.yml"):
        finalise_cluster(site.volume, plan, site.server.dsn())
    site.restart()
    site.finalise()
    record = record_of(read_ledger(site.volume).load(A))
    assert record.started >= ended[:19]
    assert record.settings["fsync"] == record.settings["autovacuum"] == "on"
    assert (record.settings["wal_level"], record.settings["max_wal_senders"]) == ("replica", "10")


def test_the_wal_of_a_load_is_gone_after_it(site):
    def wal():
        return sum(path.stat().st_size for path in (site.server.data / "pg_wal").iterdir() if path.is_file())

    site.settings("load")
    site.restart()
    site.server.rows("CREATE TABLE t (i int, long text)")
    for _ in range(3):  # written row by row into a table of an earlier transaction: all of it in the WAL
        site.server.rows("INSERT INTO t SELECT i, repeat('x', 900) FROM generate_series(1, 60000) i")
    assert wal() > 8 * SEGMENT
    site.settings("production")
    site.restart()
    assert wal() <= 2 * SEGMENT  # what production keeps for later is of its own writing


def test_a_server_whose_command_line_ships_wal_starts_with_them(site):
    site.restart("-c max_wal_senders=5 -c archive_mode=on")
    site.settings("load")
    site.restart("-c max_wal_senders=5 -c archive_mode=on")
    assert site.server.rows("SHOW fsync") == [("off",)]
    assert site.server.rows("SHOW wal_level") == [("replica",)]


def test_a_server_with_a_replication_slot_starts_with_them(site):
    site.server.rows("SELECT pg_create_physical_replication_slot('standby')")
    site.settings("load")
    site.restart()
    assert site.server.rows("SHOW fsync") == [("off",)]


def test_a_server_that_is_killed_comes_up_with_what_was_loaded(site):
    site.settings("load")
    site.restart()
    site.server.rows("CREATE TABLE t AS SELECT generate_series(1, 1000) i")
    site.server.rows("CHECKPOINT")  # a commit of the last moment may be lost: synchronous_commit is off
    site.server.stop("immediate")
    site.restart()
    assert site.server.rows("SELECT count(*) FROM t") == [(1000,)]
    site.settings("production")
    site.restart()
    assert site.finalise()["changed"]
