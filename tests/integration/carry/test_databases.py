"""Another database of production is carried whole: there, back, and whatever is killed on the way."""

from __future__ import annotations

import json
import os
import signal
import threading
from contextlib import closing
from dataclasses import replace

import psycopg2
import pytest
from clusters import MAJORS
from integration.carry.conftest import Portal
from tiers import sample, sample_of

from plugins.module_utils.reingest.carry import carry_over as carry_module
from plugins.module_utils.reingest.carry import databases as databases_module
from plugins.module_utils.reingest.carry import renaming
from plugins.module_utils.reingest.carry.contents import read_contents
from plugins.module_utils.reingest.carry.databases import lift_unrecorded
from plugins.module_utils.reingest.carry.record import Fenced, carried_folder, fence_record, write_fence
from plugins.module_utils.reingest.carry.survey import survey
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.frame.kept_roles import forget_roles
from plugins.module_utils.reingest.postgres import programs
from plugins.module_utils.reingest.postgres.control import read_control
from plugins.module_utils.reingest.postgres.session import pinned

SCHEMA = "CREATE TABLE download (id serial PRIMARY KEY, note text)"
LOAD = "CREATE TABLE reingest.load (snapshot text PRIMARY KEY)"
JOBS = [
    "CREATE SCHEMA queue",
    'CREATE TABLE queue."a b%" (id bigserial PRIMARY KEY, note text)',
    'ALTER TABLE queue."a b%" ADD COLUMN twice text GENERATED ALWAYS AS (note) STORED',
    """INSERT INTO queue."a b%" (note) VALUES ('one'), (NULL), ('')""",
    "CREATE TABLE part (n int, at date) PARTITION BY RANGE (n)",
    "CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10)",
    "INSERT INTO part VALUES (1, '2026-01-01'), (2, 'infinity')",
    "CREATE TABLE gone (a int, b text, c int)",
    "ALTER TABLE gone DROP COLUMN b",
    "INSERT INTO gone VALUES (1, 2)",
    "CREATE SEQUENCE lonely",
    "SELECT setval('lonely', 41, false)",
    "CREATE MATERIALIZED VIEW seen AS SELECT count(*) FROM part",
    "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
]


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


class Cluster:
    """Two servers with a portal's database, and other databases of production that the load names."""

    def __init__(self, portal):
        self.portal, self.made = portal, []
        self.old, self.new = portal.production, portal.staging

    def make(self, *names, statements=JOBS):
        """Make databases on production, and have the load, and production's own, carry them."""
        for server in (self.old, self.new):
            server.rows(LOAD, "portal")
            server.rows("CREATE TABLE reingest.load_database (name text, owner text)", "portal")
            server.rows("INSERT INTO reingest.load_database VALUES ('elsewhere', 'ignore')", "portal")
            for name in names:
                query = "INSERT INTO reingest.load_database VALUES (%(name)s, 'portal')"
                server.rows(query, "portal", name=name)
        for name in names:
            self.old.rows(f"CREATE DATABASE {quoted(name)}")
            for statement in statements:
                self.old.rows(statement, name)
        self.made += names

    def rows(self, server, statement, name="jobs"):
        return server.rows(statement, name)

    def take(self, run="run-2", *, forward=False):
        return self.portal.take(run, forward=forward)

    def open(self, server=None, run="run-2"):
        return self.portal.open(run, forward=server is self.new)

    def survey(self, **changed):
        asked = {
            "live": self.old.data,
            "staging": self.new.dsn(),
            "target": None,
            "coming": False,
            "databases": self.made,
        }
        return survey(self.portal.volume, self.old.dsn(), **{**asked, **changed})

    def copies(self):
        """Return the databases that have a name of ours, of both servers."""
        query = "SELECT datname FROM pg_database WHERE datname ~ '^reingest_'"
        return [name for server in (self.old, self.new) for (name,) in server.rows(query)]

    def opened(self, server):
        """Return which databases of a server are open."""
        query = "SELECT datname FROM pg_database WHERE datallowconn ORDER BY 1"
        own = ("postgres", "template1")
        return [name for (name,) in server.rows(query) if name not in own]


@pytest.fixture(autouse=True)
def path_of_programs(servers, monkeypatch):
    """Have this host's programs be those of the servers."""
    monkeypatch.setenv("PATH", f"{servers[0].binaries}:{os.environ['PATH']}")


@pytest.fixture
def cluster(portal):
    made = Cluster(portal)
    portal.make(SCHEMA, {"download": "quarantine"})
    portal.live("INSERT INTO download (note) VALUES ('first')")
    yield made
    for server in (made.old, made.new):
        query = "SELECT datname FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1')"
        for (name,) in server.rows(query):
            server.rows(f"ALTER DATABASE {quoted(name)} IS_TEMPLATE false")
            server.rows(f"DROP DATABASE {quoted(name)} WITH (FORCE)")
        server.rows("DROP ROLE IF EXISTS clerk")


def test_a_database_comes_along_whole_and_the_report_proves_it(cluster):
    cluster.make("jobs")
    made = cluster.portal.carry()
    assert made.lines == (
        "download: 1 carried, 0 differ",
        "database jobs: 3 tables, 6 rows carried, 0 differ",
    )
    new = cluster.new
    assert new.rows('SELECT id, note, twice FROM queue."a b%" ORDER BY id', "jobs") == [
        (1, "one", "one"), (2, None, None), (3, "", ""),
    ]  # fmt: skip
    assert new.rows("SELECT n, at::text FROM part ORDER BY n", "jobs") == [(1, "2026-01-01"), (2, "infinity")]
    assert new.rows("SELECT nextval('lonely'), (SELECT * FROM seen), one()", "jobs") == [(41, 2, 1)]
    assert (cluster.opened(cluster.old), cluster.opened(new)) == ([], ["jobs", "portal"])
    assert cluster.copies() == []
    archive = carried_folder(cluster.portal.volume, "run-1") / "database0"
    assert archive.stat().st_mode & 0o777 == 0o600


def test_what_is_set_for_the_database_comes_along(cluster):
    for server in (cluster.old, cluster.new):
        server.rows("CREATE ROLE clerk LOGIN")
    cluster.make("jobs")
    for statement in (
        "ALTER DATABASE jobs OWNER TO clerk",
        "COMMENT ON DATABASE jobs IS 'what is to be done'",
        "ALTER DATABASE jobs CONNECTION LIMIT 7",
        "ALTER DATABASE jobs SET work_mem = '5MB'",
        "ALTER DATABASE jobs SET default_transaction_read_only = on",
        "ALTER ROLE clerk IN DATABASE jobs SET statement_timeout = '1min'",
        "REVOKE CONNECT ON DATABASE jobs FROM PUBLIC",
    ):
        cluster.old.rows(statement)
    query = """
        SELECT r.rolname, d.datconnlimit, ARRAY(SELECT unnest(d.datacl)::text ORDER BY 1),
               d.encoding, d.datcollate, d.datctype,
               shobj_description(d.oid, 'pg_database'),
               ARRAY(SELECT setrole::regrole::text || setconfig::text FROM pg_db_role_setting
                     WHERE setdatabase = d.oid ORDER BY 1)
        FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE datname = 'jobs'
    """
    before = cluster.old.rows(query)
    assert "work_mem=5MB" in str(before)
    cluster.portal.carry()
    assert cluster.new.rows(query) == before


def test_one_of_another_encoding_with_large_objects_and_a_name_that_needs_quoting(cluster):
    name = 'Jobs "1%s" für\'s'
    cluster.make(statements=())
    cluster.made.append(name)
    cluster.old.rows(f"CREATE DATABASE {quoted(name)} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    for server in (cluster.old, cluster.new):
        insert = "INSERT INTO reingest.load_database VALUES (%(name)s, 'portal')"
        server.rows(insert, "portal", name=name)
    cluster.old.rows("CREATE TABLE t (word text)", name)
    cluster.old.rows("INSERT INTO t VALUES ('für')", name)
    cluster.old.rows("SELECT lo_from_bytea(4711, convert_to(repeat('x', 5000), 'UTF8'))", name)
    cluster.old.rows("SELECT lo_put(lo_create(4712), 10000, 'end')", name)  # with a hole before it
    made = cluster.portal.carry()
    assert made.lines[1] == f"database {name}: 1 table, 1 rows, 2 large objects carried, 0 differ"
    assert cluster.new.rows(
        "SELECT word, octet_length(lo_get(4711)), octet_length(lo_get(4712)) FROM t", name
    ) == [("für", 5000, 10003)]


def test_of_an_extension_only_what_pg_dump_takes_is_summed_up(cluster):
    cluster.make("jobs", statements=())
    for statement in (
        "CREATE TABLE job (n int)",
        "CREATE TABLE its_own (n int)",
        "INSERT INTO job VALUES (1), (2), (3)",
        "ALTER EXTENSION plpgsql ADD TABLE job",
        "ALTER EXTENSION plpgsql ADD TABLE its_own",
        "SET allow_system_table_mods = on; UPDATE pg_extension SET extconfig = ARRAY['job'::regclass::oid],"
        " extcondition = ARRAY['WHERE n > 1'] WHERE extname = 'plpgsql'",
    ):
        cluster.old.rows(statement, "jobs")
    with closing(pinned(cluster.old.dsn(), "jobs")) as session:
        found = read_contents(session)
    assert {name: content.rows for name, content in found.items()} == {
        "public.job": 2, "its sequences": 0, "its large objects": 0,
    }  # fmt: skip


@pytest.mark.parametrize("major", sample(MAJORS, MAJORS[-1]))
def test_each_major_there_and_back(server_factory, tmp_path, monkeypatch, major):
    servers = server_factory(major), server_factory(major)
    monkeypatch.setenv("PATH", f"{servers[0].binaries}:{os.environ['PATH']}")
    cluster = Cluster(Portal(*servers, tmp_path))
    cluster.portal.make(SCHEMA, {"download": "quarantine"})
    cluster.make("jobs")
    cluster.portal.carry()
    cluster.new.rows("DELETE FROM part WHERE n = 1", "jobs")
    cluster.take()
    assert cluster.open().did[1] == "carry database jobs: 3 tables, 5 rows carried, 0 differ"
    assert cluster.old.rows("SELECT n FROM part", "jobs") == [(2,)]


def test_each_switch_replaces_what_the_load_has_of_an_attempt_before(cluster):
    cluster.make("jobs")
    cluster.portal.carry()
    cluster.portal.lift()
    cluster.open()  # the switch was undone before its commit point
    cluster.old.rows("DELETE FROM part WHERE n = 1", "jobs")
    cluster.portal.carry("run-2")
    assert cluster.new.rows("SELECT n FROM part", "jobs") == [(2,)]
    assert cluster.copies() == []


def test_a_failure_opens_all_of_them_again(cluster, monkeypatch):
    cluster.make("jobs", "mail")
    cluster.new.rows("DROP TABLE download", "portal")
    with pytest.raises(Refusal, match=r"table download"):
        cluster.portal.carry()
    assert cluster.opened(cluster.old) == ["jobs", "mail", "portal"]
    assert (
        fence_record(cluster.portal.volume, read_control(cluster.old.data).system_identifier).read() is None
    )


def test_an_extension_that_the_staging_server_lacks_is_named_before_the_window(cluster, monkeypatch):
    cluster.make("jobs", statements=())
    cluster.old.rows(
        "INSERT INTO pg_extension SELECT 99999, 'pg_cron', extowner, extnamespace, extrelocatable,"
        " extversion, extconfig, extcondition FROM pg_extension WHERE extname = 'plpgsql'",
        "jobs",
    )
    with pytest.raises(
        Refusal, match=r"database jobs has an extension that the staging server lacks .pg_cron.: install"
    ):
        cluster.survey()


def test_the_plan_counts_the_databases_and_their_sessions(cluster):
    cluster.make("jobs")
    with closing(cluster.old.connect("jobs")):
        found = cluster.survey()
    assert found.needed
    assert list(found.databases) == ["jobs"]
    assert found.size >= found.databases["jobs"] > 1_000_000
    assert found.connected == 1


@pytest.mark.parametrize("coming", [False, True])
def test_a_host_without_pg_dump_is_refused_before_the_window(cluster, monkeypatch, coming):
    cluster.make("jobs")
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(programs, "_FOLDERS", ())
    with pytest.raises(Refusal, match=r"no pg_dump and pg_restore of PostgreSQL 16.*postgresql-client-16"):
        cluster.survey(coming=coming)


def test_a_database_that_is_missing_or_closed_is_refused_before_the_window(cluster):
    cluster.make("jobs", "mail", statements=())
    cluster.old.rows("DROP DATABASE jobs")
    cluster.old.rows("ALTER DATABASE mail ALLOW_CONNECTIONS false")
    with pytest.raises(
        Refusal, match=r"production has no database jobs.*database mail of production lets nobody in"
    ):
        cluster.survey()


def test_a_load_of_before_the_declaration_is_refused(cluster):
    cluster.make("jobs", statements=())
    with pytest.raises(Refusal, match=r"before the dataset gave database mail to the portal.*run load.yml"):
        cluster.survey(databases=["jobs", "mail"])


@pytest.fixture
def switched(cluster):
    """Return the two servers after a switch that carried database `jobs`."""
    cluster.make("jobs")
    cluster.portal.carry()
    return cluster


def test_the_way_back_brings_what_was_written_changed_and_deleted_since(switched):
    switched.new.rows("UPDATE part SET n = 3 WHERE n = 1", "jobs")
    switched.new.rows("CREATE TABLE later (n int)", "jobs")
    assert switched.take().lines == (
        "take download: 1 rows",
        "take database jobs: 4 tables, 6 rows",
    )
    assert switched.opened(switched.new) == []
    assert switched.open().did == (
        "carry download: 1 carried, 0 differ",
        "carry database jobs: 4 tables, 6 rows carried, 0 differ",
        "lift the fence of database portal",
        "lift the fence of database jobs",
    )
    assert switched.old.rows("SELECT n FROM part ORDER BY n", "jobs") == [(2,), (3,)]
    assert switched.old.rows("SELECT count(*) FROM later", "jobs") == [(0,)]
    assert switched.opened(switched.old) == ["jobs", "portal"]
    assert switched.copies() == []


def test_without_rows_taken_all_fences_are_lifted(switched):
    assert switched.open().did == ("lift the fence of database portal", "lift the fence of database jobs")
    assert switched.opened(switched.old) == ["jobs", "portal"]


def test_a_copy_of_a_server_that_was_opened_since_is_not_put(switched):
    switched.new.rows("DELETE FROM part", "jobs")
    switched.take()
    switched.open(switched.new)
    switched.open()
    assert switched.old.rows("SELECT count(*) FROM part", "jobs") == [(2,)]


@pytest.mark.parametrize("taken", [True, False])
def test_a_snapshot_of_before_the_declaration_carries_it_when_it_is_left_again(switched, taken):
    switched.old.rows("ALTER DATABASE portal ALLOW_CONNECTIONS true")
    switched.old.rows("DROP TABLE reingest.load_database", "portal")
    switched.old.rows("ALTER DATABASE portal ALLOW_CONNECTIONS false")
    if taken:
        switched.take()
    switched.open()
    switched.old.rows("INSERT INTO part VALUES (7)", "jobs")
    made = switched.take("run-3", forward=True)
    assert made.lines[1] == "take database jobs: 3 tables, 7 rows"
    switched.open(switched.new, run="run-3")
    assert in_production(switched, switched.new) == [(1,), (2,), (7,)]


def test_one_that_was_made_since_is_there_after_the_way_back(switched):
    switched.new.rows("CREATE DATABASE mail")
    switched.new.rows("INSERT INTO reingest.load_database VALUES ('mail', 'portal')", "portal")
    switched.new.rows("CREATE TABLE letter (n int)", "mail")
    switched.take()
    switched.open()
    assert switched.old.rows("SELECT count(*) FROM letter", "mail") == [(0,)]
    assert switched.opened(switched.old) == ["jobs", "mail", "portal"]


def test_what_the_earlier_server_cannot_hold_is_kept_and_told_and_the_portal_is_opened(switched):
    switched.new.rows("CREATE ROLE clerk")
    switched.new.rows("CREATE TABLE theirs (n int)", "jobs")
    switched.new.rows("ALTER TABLE theirs OWNER TO clerk", "jobs")
    switched.take()
    folder = carried_folder(switched.portal.volume, "run-2")
    forget_roles(folder)  # one that cannot be made there
    opened = switched.open()
    assert 'role "clerk" does not exist' in opened.kept[0]
    assert str(folder) in opened.kept[0]
    assert (folder / "only-place").read_text() == f"{opened.kept[0]}\n"
    assert switched.old.rows("SELECT count(*) FROM part", "jobs") == [(2,)]
    assert switched.opened(switched.old) == ["jobs", "portal"]
    assert switched.copies() == []


def test_an_archive_that_another_wrote_is_not_proven(cluster, monkeypatch):
    """A checker that finds nothing would let this pass."""
    cluster.make("jobs")
    taken = carry_module.take_databases

    def changed(server, others, folder):
        return tuple(
            replace(one, sums={name: replace(found, rows=found.rows + 1) for name, found in one.sums.items()})
            for one in taken(server, others, folder)
        )

    monkeypatch.setattr(carry_module, "take_databases", changed)
    with pytest.raises(
        Refusal, match=r"its sequences: 3 were taken.*table public.part_1: 3 were taken and 2"
    ):
        cluster.portal.carry()
    assert cluster.opened(cluster.old) == ["jobs", "portal"]
    assert cluster.copies() == []


# --- Kills


STEPS = {
    "take": (carry_module, "take_databases"),
    "put": (carry_module, "put_rows"),
    "manifest": (carry_module, "write_manifest"),
    "hide": (databases_module, "rename"),
    "dump": (databases_module, "dump"),
    "own name": (databases_module, "own_name"),
    "restore": (databases_module, "restore"),
    "prove": (databases_module, "refuse_different"),
    "swap": (databases_module, "swap_in"),
    "rename": (renaming, "rename"),
    "drop": (databases_module, "drop"),
}


def killed_in(module, name, work, *, after):
    """Do work in a process that is killed when it comes to a function, before it or after it."""
    child = os.fork()
    if not child:
        inner = getattr(module, name)

        def deadly(*arguments, **named):
            if after:
                inner(*arguments, **named)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(module, name, deadly)
        try:
            work()
        finally:
            os._exit(7)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def in_production(cluster, server):
    return sorted(server.rows("SELECT n FROM part", "jobs"))


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("module", "name"), sample_of(STEPS, "dump", "swap"))
def test_a_kill_on_the_way_there_is_recovered_and_the_next_switch_carries_all(cluster, module, name, after):
    cluster.make("jobs")
    assert killed_in(module, name, cluster.portal.carry, after=after)
    cluster.open()  # what whoever recovers does to the server that serves
    assert cluster.opened(cluster.old) == ["jobs", "portal"]
    cluster.old.rows("INSERT INTO part VALUES (5)", "jobs")
    made = cluster.portal.carry("run-2")
    assert made.lines[1] == "database jobs: 3 tables, 7 rows carried, 0 differ"
    assert in_production(cluster, cluster.new) == [(1,), (2,), (5,)]
    assert cluster.copies() == []


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("name", sample(["rename", "dump", "own_name"], "dump"))
def test_a_kill_while_it_is_taken_is_recovered(switched, name, after):
    switched.new.rows("INSERT INTO part VALUES (5)", "jobs")
    assert killed_in(databases_module, name, switched.take, after=after)
    switched.open(switched.new)
    assert switched.opened(switched.new) == ["jobs", "portal"]
    switched.take("run-3")
    switched.open(run="run-3")
    assert in_production(switched, switched.old) == [(1,), (2,), (5,)]


def test_a_dump_that_outlives_its_killed_run_is_ended(cluster):
    """It is still in the database, under its hidden name."""
    cluster.make("jobs")
    assert killed_in(databases_module, "dump", cluster.portal.carry, after=False)
    identifier = read_control(cluster.old.data).system_identifier
    hidden = fence_record(cluster.portal.volume, identifier).read().databases[0].hidden
    with closing(cluster.old.connect(hidden)) as session, session.cursor() as cursor:
        cluster.open()
        with pytest.raises(psycopg2.OperationalError):
            cursor.execute("INSERT INTO part VALUES (9)")
    assert cluster.opened(cluster.old) == ["jobs", "portal"]


def test_a_database_that_a_client_made_in_place_of_the_hidden_one_is_set_aside(cluster):
    cluster.make("jobs")
    assert killed_in(databases_module, "dump", cluster.portal.carry, after=False)
    cluster.old.rows("CREATE DATABASE jobs")
    with closing(cluster.old.connect("jobs")):
        cluster.open()
    assert cluster.opened(cluster.old) == ["jobs", "portal"]
    assert in_production(cluster, cluster.old) == [(1,), (2,)]
    (aside,) = cluster.copies()
    assert aside.startswith("reingest_aside_")


def test_a_copy_whose_deletion_was_killed_is_deleted_by_the_next(cluster):
    cluster.make("jobs")
    name = "reingest_" + "0" * 32
    cluster.new.rows(f"CREATE DATABASE {name} IS_TEMPLATE true CONNECTION LIMIT 3")
    cluster.new.rows(
        "UPDATE pg_database SET datistemplate = false, datconnlimit = -2 WHERE datname ~ '^reing'"
    )
    cluster.portal.carry()
    assert cluster.copies() == []


def test_fences_without_their_record_are_lifted(switched):
    identifier = read_control(switched.old.data).system_identifier
    fence_record(switched.portal.volume, identifier).remove()
    login = switched.old.dsn("portal")
    assert lift_unrecorded(login, identifier) == ("portal", "jobs")
    assert switched.opened(switched.old) == ["jobs", "portal"]
    assert lift_unrecorded(login, identifier) == ()


def test_a_record_of_before_has_no_other_databases(cluster):
    server = read_control(cluster.old.data).system_identifier
    write_fence(cluster.portal.volume, Fenced("run-1", server, "portal", "2026-01-01T00:00:00+00:00"))
    path = cluster.portal.volume.records / "fenced" / f"{server}.json"
    written = json.loads(path.read_text())
    del written["databases"]
    path.write_text(json.dumps(written))
    assert fence_record(cluster.portal.volume, server).read().databases == ()


def test_a_database_of_postgresqls_own_is_refused_whoever_names_it(cluster):
    cluster.make()
    cluster.new.rows("INSERT INTO reingest.load_database VALUES ('template1', 'portal')", "portal")
    with pytest.raises(Refusal, match="database template1 is PostgreSQL's own"):
        cluster.portal.carry()


BACK = {
    "restore": (databases_module, "restore"),
    "prove": (databases_module, "refuse_different"),
    "swap": (databases_module, "swap_in"),
    "rename": (renaming, "rename"),
    "drop": (renaming, "drop"),
}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("module", "name"), sample_of(BACK, "swap"))
def test_a_kill_while_it_is_given_back_is_resumed(switched, module, name, after):
    switched.new.rows("INSERT INTO part VALUES (5)", "jobs")
    switched.take()
    assert killed_in(module, name, switched.open, after=after)
    switched.open()
    assert in_production(switched, switched.old) == [(1,), (2,), (5,)]
    assert switched.opened(switched.old) == ["jobs", "portal"]
    assert switched.copies() == []


# --- A client that comes back in a loop


class Client:
    """A superuser that writes into a database by its name, in a loop, and knows what was acknowledged."""

    def __init__(self, cluster, name):
        self.cluster, self.name, self.acknowledged, self.unknown = cluster, name, [], []
        self.server, self._stop, self._at = cluster.old, threading.Event(), 1000
        self._thread = threading.Thread(target=self._write)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def wait(self, more=5):
        """Wait until rows were acknowledged."""
        wanted = len(self.acknowledged) + more
        while len(self.acknowledged) < wanted:
            assert self._thread.is_alive()
            self._stop.wait(0.01)

    def _write(self):
        while not self._stop.is_set():
            self._at += 1
            try:
                with closing(self.server.connect(self.name)) as session, session.cursor() as cursor:
                    self.unknown.append(self._at)
                    cursor.execute("INSERT INTO part VALUES (-1, NULL), (%s, NULL)", (self._at,))
            except psycopg2.Error:
                continue
            self.acknowledged.append(self.unknown.pop())


def test_every_acknowledged_row_of_a_client_that_returns_in_a_loop_is_there_once(cluster):
    cluster.make("jobs")
    cluster.old.rows("ALTER TABLE part DETACH PARTITION part_1", "jobs")
    cluster.old.rows("CREATE TABLE part_2 PARTITION OF part DEFAULT", "jobs")
    with Client(cluster, "jobs") as client:
        client.wait()
        cluster.portal.carry()
        client.server = cluster.new
        client.wait()
        cluster.take()
        client.server = cluster.old
        cluster.open()
        client.wait()
    there = [n for (n,) in cluster.old.rows("SELECT n FROM part WHERE n > 1000", "jobs")]
    assert len(there) == len(set(there))
    assert set(client.acknowledged) <= set(there) <= {*client.acknowledged, *client.unknown}
    assert len(client.acknowledged) >= 15
