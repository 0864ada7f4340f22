"""Whole runs over a production that somebody altered by hand: named before the switch, or there after it."""

from __future__ import annotations

import json
import re
import subprocess
from contextlib import closing

import psycopg2
import pytest
from deployment import RELEASE_2, ingested_deployment
from tiers import full

from plugins.module_utils.reingest.volume.layout import Volume
from plugins.module_utils.reingest.volume.ledger import LOADED, append, read_ledger

VIEW = "CREATE VIEW report AS SELECT count(*) AS n, 'a, b' AS two FROM study"


@pytest.fixture(scope="module")
def site():
    """Return a deployment with two releases, the second one live."""
    made = ingested_deployment()
    yield made
    made.clear()


@pytest.fixture
def ask(site):
    """Return ``ask(statement)`` for the portal's database in production; returns rows."""

    def run(statement):
        port = site.environment["DEMO_PRODUCTION_PORT"]
        dsn = f"postgresql://nmdc@127.0.0.1:{port}/nmdc?passfile={site.home}/pgpass"
        with closing(psycopg2.connect(dsn)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []

    return run


@full
def test_what_was_made_by_hand_stops_the_switch_or_is_there_after_it(site, ask):
    ask(VIEW)
    ask("CREATE FUNCTION twice(int, text) RETURNS int LANGUAGE sql AS 'SELECT 1'")
    ask("CREATE ROLE reader")
    ask("GRANT SELECT ON study TO reader")
    ask("REVOKE CONNECT ON DATABASE nmdc FROM PUBLIC")
    rights = """SELECT relacl::text, datacl::text FROM pg_class, pg_database
        WHERE relname = 'study' AND datname = 'nmdc'"""
    before = ask(rights)
    code, output = site.ingest(RELEASE_2, "-e", "reingest_force=true")
    assert code != 0
    assert "object:view:public.report" in output
    assert "object:function:public.twice(integer,pg_catalog.text)" in output
    argument = re.findall(r"to accept all of these: (-e (?:'[^']*'|\S+))", output)[-1]
    printed = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {argument}"], capture_output=True, text=True
    ).stdout
    code, output = site.play("playbooks/promote.yml", *printed.split("\0")[:-1])
    assert code == 0, output[-4000:]
    assert ask(rights) == before
    assert ask("SELECT to_regclass('report')") == [(None,)]
    report = site.report()
    assert 'carry GRANT SELECT ON TABLE public.study TO "reader"' in json.dumps(report).replace("\\", "")
    assert {one["name"] for one in report["findings"]} == {
        "object:view:public.report",
        "object:function:public.twice(integer,pg_catalog.text)",
    }


@full
def test_a_rollback_to_indexes_of_another_c_library_is_refused_before_the_window_unless_accepted(site):
    live, earlier = site.snapshots()[-1], site.snapshots()[-2]
    volume = Volume(site.volume)
    line = read_ledger(volume).load(earlier)
    detail = {**line.detail, "collations": {"libc": ["2.31"]}}  # as another image had written it down
    append(volume, LOADED, earlier, run=line.run, operator=line.operator, detail=detail)
    code, output = site.play("playbooks/rollback.yml")
    assert code != 0
    assert f"collation:{earlier}: the indexes of snapshot {earlier} are sorted by other versions" in output
    assert "libc 2.31 then" in output
    assert site.volume.joinpath("prod").readlink().name == live
    [argument] = set(re.findall(r"or accept it: -e (reingest_accept=collation:\S+)", output))
    code, output = site.play("playbooks/rollback.yml", "-e", argument)
    assert code == 0, output[-4000:]
    assert f"accepted: collation:{earlier}" in output
    assert site.volume.joinpath("prod").readlink().name == earlier
