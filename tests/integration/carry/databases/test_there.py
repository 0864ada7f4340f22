"""Another database of production comes along whole, or the switch is refused before its window."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace

import pytest
from integration.carry.databases.cluster import quoted

from plugins.module_utils.reingest.carry import carry_over as carry_module
from plugins.module_utils.reingest.carry.contents import read_contents
from plugins.module_utils.reingest.carry.record import Fenced, carried_folder, fence_record, write_fence
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.postgres import programs
from plugins.module_utils.reingest.postgres.control import read_control
from plugins.module_utils.reingest.postgres.session import pinned


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
