"""Production altered by hand in every kind: found by its name, carried, accepted, ignored."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from integration.inventory.every_kind import BASE, made

from plugins.module_utils.reingest.inventory.rules import CARRIED
from plugins.module_utils.reingest.postgres import programs

PROGRAM = Path(sys.executable).with_name("ansible-playbook")

ROOT = Path(__file__).resolve().parents[3]
DATASET = """
database: portal
databases: {loaded: ignore}
schema: schema.sql
tables:
  study: {owner: schema}
  sample: {owner: schema}
  measured: {owner: schema}
  scratch: {owner: schema}
  child: {owner: schema}
"""
# What psql lists beside the kinds of `made`: the cluster's own (tests/integration/frame), and what
# other tests are of.
OF_OTHERS = {
    "DATABASE",
    "GROUP",
    "ROLE",
    "USER",
    "TABLESPACE",
    "SUBSCRIPTION",
    "TABLE",
    "TABLE AS",
    "EXTENSION",
}
# Told by another check, by the name that it always had.
ELSEWHERE = {"object:column:public.study.note": "schema:study"}


@pytest.fixture(scope="module")
def production(server):
    return server


@pytest.fixture(scope="module")
def staging(server_factory, major):
    staging = server_factory(major)
    for role in ("reader", "writer"):
        staging.rows(f"CREATE ROLE {role}")
    return staging


@pytest.fixture(autouse=True)
def programs_of_the_server(monkeypatch, production):
    """Have this host's pg_dump be the servers', as on a worker that carries definitions."""
    monkeypatch.setenv("PATH", f"{production.binaries}:{os.environ['PATH']}")


@pytest.fixture
def portal(tmp_path, production, staging):
    """Return the folder of a portal's dataset; both servers are without its database."""
    for one in (production, staging):
        one.rows("DROP DATABASE IF EXISTS portal WITH (FORCE)")
    (tmp_path / "dataset.yml").write_text(DATASET)
    (tmp_path / "schema.sql").write_text(BASE)
    return tmp_path


@pytest.fixture
def load(run_module, portal, production, staging):
    """Load into one of the servers."""

    def run(server, **params):
        given = {"dataset": str(portal / "dataset.yml"), "staging_dsn": server.dsn(), "first": True}
        result = run_module(
            "ingest_load", **given, run="run-1", operator="0000-0002-1825-0097", force=True, **params
        )
        assert result.get("changed"), result.get("msg")

    return run


@pytest.fixture
def verify(run_module, portal, production, staging):
    def run(**params):
        servers = {"staging_dsn": staging.dsn(), "production_dsn": production.dsn()}
        given = {**servers, "dataset": str(portal / "dataset.yml"), **params}
        return run_module("ingest_verify", **given)

    return run


@pytest.fixture
def rules(portal):
    """Give the dataset rules for objects."""

    def write(*rules):
        (portal / "dataset.yml").write_text(f"{DATASET}objects: {json.dumps(list(rules))}\n")

    return write


@pytest.fixture
def both(load, production, staging):
    """Have both servers hold a load of the schema: a copy of what the first test of the file loads."""
    for server in (production, staging):
        if server.rows("SELECT 1 FROM pg_database WHERE datname = 'loaded'"):
            server.rows("CREATE DATABASE portal TEMPLATE loaded")
        else:
            load(server)
            server.rows("CREATE DATABASE loaded TEMPLATE portal")


def names(result):
    return {finding["name"] for finding in result["findings"]}


def test_each_create_that_psql_lists_is_made_here(production, major):
    command = [f"{production.binaries}/psql", "-X", "-P", "pager=off", "-c", r"\h CREATE", production.dsn()]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    listed = set(re.findall(r"^Command: +CREATE (.+)$", told, re.MULTILINE))
    assert {"VIEW", "TEXT SEARCH DICTIONARY", "OPERATOR"} <= listed
    statements = "; ".join(statement for statement, _, _ in made(major, "portal").values())
    lacking = {name for name in listed if not re.search(rf"CREATE (OR REPLACE )?{name}\b", statements)}
    assert lacking <= OF_OTHERS


def test_two_loads_of_one_schema_differ_in_nothing(both, verify, production, staging):
    result = verify()
    assert (result["findings"], result["carried"], result["changed"]) == ([], [], False)


@pytest.fixture
def altered(both, production, staging, major):
    """Load both, alter production by hand in every kind, and return the kinds."""
    kinds = made(major, "portal")
    for statement, _, _ in kinds.values():
        production.rows(statement, "portal")
    return kinds


def test_every_kind_is_found_or_carried_and_afterwards_all_but_the_accepted_is_the_same(
    altered, rules, verify, staging
):
    rules({"kind": "*", "name": "*", "do": "fail"})
    found = names(verify())
    expected = {ELSEWHERE.get(name, name) for _, name, _ in altered.values()}
    assert expected - found == set()

    rules()
    by_default = {name for name in expected if name.split(":")[1] in CARRIED}
    result = verify()
    assert expected - by_default <= names(result)
    assert names(result).isdisjoint(by_default)

    rules({"kind": "*", "name": "*", "do": "carry"})
    result = verify(accept=["object:*", "schema:study"])
    assert not result.get("failed"), result["msg"]
    assert result["changed"]
    assert result["carried"]
    again = verify(accept=["object:*", "schema:study"])
    carried = {name for _, name, is_carried in altered.values() if is_carried}
    assert names(again) & carried == set()
    assert staging.rows("SELECT n FROM report_2", "portal") == [(1,)]
    assert "wordpass" not in json.dumps([result, again])


def test_what_is_ignored_or_accepted_is_left_behind(both, rules, verify, production, staging):
    production.rows("CREATE VIEW report_a AS SELECT 1; CREATE VIEW list_a AS SELECT 1", "portal")
    rules({"kind": "view", "name": "public.report_*", "do": "ignore"})
    result = verify()
    assert names(result) == {"object:view:public.list_a"}
    assert "add to the schema:\nCREATE OR REPLACE VIEW public.list_a AS\nSELECT 1" in result["msg"]
    assert "or accept it: -e reingest_accept=object:view:public.list_a@" in result["msg"]
    result = verify(accept=["object:view:*", "object:index:*"])
    assert not result.get("failed")
    assert "object:index:* was accepted, but nothing of that name was found" in str(result["warnings"])
    assert "left behind, as the dataset says: 1 view (public.report_a)" in result["step"]["did"]
    assert staging.rows("SELECT count(*) FROM pg_views WHERE schemaname = 'public'", "portal") == [(1,)]


def test_what_only_the_release_changes_is_told_and_no_finding(load, verify, portal, production, staging):
    load(production)
    (portal / "schema.sql").write_text(
        BASE.replace("SELECT 1", "SELECT 2") + "CREATE VIEW fresh AS SELECT 1;"
    )
    load(staging)
    result = verify()
    assert result["findings"] == []
    assert "the release changes 1 function (public.one())" in result["step"]["did"]
    assert "the release changes 1 view (public.fresh)" in result["step"]["did"]


def test_what_both_have_changed_is_a_finding_with_the_difference(
    load, rules, verify, portal, production, staging
):
    load(production)
    (portal / "schema.sql").write_text(BASE.replace("SELECT id, name FROM", "SELECT id, name, 2 AS n FROM"))
    load(staging)
    production.rows("CREATE OR REPLACE VIEW study_names AS SELECT id, name, 3 AS n FROM study", "portal")
    result = verify()
    assert names(result) == {"object:view:public.study_names"}
    assert "was changed in production by hand, and by the release in another way" in result["msg"]
    assert "-    2 AS n\n+    3 AS n" in result["msg"]
    rules({"kind": "view", "name": "*", "do": "carry"})
    assert verify()["carried"] != []
    assert staging.rows("SELECT pg_get_viewdef('study_names')", "portal")[0][0].count("3 AS n") == 1


def test_what_was_dropped_by_hand_is_a_finding_or_dropped_from_the_load(
    both, rules, verify, production, staging
):
    production.rows("DROP VIEW study_names; DROP TYPE mood; REVOKE ALL ON study FROM postgres", "portal")
    rules({"kind": "view", "name": "*", "do": "carry"})
    result = verify()
    assert names(result) == {"object:type:public.mood"}
    assert "type public.mood was dropped in production by hand, and the load has it" in result["msg"]
    assert result["carried"] == []  # nothing is changed while there is something to refuse
    assert staging.rows("SELECT to_regclass('study_names') IS NOT NULL", "portal") == [(True,)]
    result = verify(accept=["object:type:public.mood"])
    assert "DROP VIEW public.study_names" in result["carried"]
    assert staging.rows(
        "SELECT to_regclass('study_names'), relacl::text FROM pg_class WHERE relname = 'study'", "portal"
    ) == [(None, "{}")]


def test_without_a_base_line_all_that_production_has_counts_as_made_by_hand(
    load, verify, portal, production, staging
):
    load(production)
    (portal / "schema.sql").write_text(
        BASE.replace("CREATE SEQUENCE ticket;", "CREATE VIEW fresh AS SELECT 1;")
    )
    load(staging)
    production.rows("DROP TABLE reingest.inventory_form", "portal")
    result = verify()
    assert names(result) == {"object:sequence:public.ticket"}
    assert any(
        line.startswith("what production's own load made is not known") for line in result["step"]["did"]
    )


def test_what_cannot_be_carried_is_a_finding_with_the_reason_and_nothing_is_changed(
    both, rules, verify, production, staging
):
    production.rows("CREATE ROLE onlyhere", "postgres")
    try:
        production.rows("GRANT SELECT ON study TO onlyhere; COMMENT ON TABLE study IS 'c'", "portal")
        result = verify()
        assert {"role:onlyhere", "object:privileges:table:public.study"} <= names(result)
        assert 'cannot be: role "onlyhere" does not exist' in result["msg"]
        comment = "SELECT obj_description('study'::regclass)"
        assert staging.rows(comment, "portal") == [(None,)]
        assert verify(accept=["role:onlyhere", "object:privileges:*"])["carried"] != []
        assert staging.rows(comment, "portal") == [("c",)]
    finally:
        production.rows("DROP OWNED BY onlyhere", "portal")
        production.rows("DROP ROLE onlyhere")


def test_a_dry_run_shows_the_statements_and_changes_nothing(both, verify, production, staging):
    snapshot = staging.rows("SELECT snapshot FROM reingest.load", "portal")[0][0]
    production.rows(
        "ALTER DATABASE portal SET app.jwt_secret = 'dontshow'; COMMENT ON TABLE study IS 'c'", "portal"
    )
    result = verify(check=True, snapshot=snapshot)
    shown = 'ALTER DATABASE "portal" SET "app.jwt_secret" TO ***'
    assert shown in result["carried"]
    assert f"carry {shown}" in result["step"]["did"]
    assert shown in result["diff"]["after"]
    assert "dontshow" not in json.dumps(result)
    settings = "SELECT count(*) FROM pg_db_role_setting WHERE setdatabase <> 0"
    assert staging.rows(settings) == [(0,)]
    assert shown in verify()["carried"]
    assert staging.rows(settings) == [(1,)]


def test_a_table_that_somebody_locks_ends_the_verification_and_is_named(both, verify, production, staging):
    with production.connect("portal") as locking:
        locking.autocommit = False
        with locking.cursor() as cursor:
            cursor.execute("LOCK study_names IN ACCESS EXCLUSIVE MODE")
        message = verify()["msg"]
    locking.close()
    assert "study_names" in message
    assert "still locks" in message


def test_a_catalogue_that_the_login_may_not_read_is_a_finding(both, verify, production, staging):
    production.rows("CREATE ROLE looker LOGIN PASSWORD 'only-for-tests'")
    production.rows("GRANT SELECT ON ALL TABLES IN SCHEMA public TO looker", "portal")
    looking = production.dsn().replace("postgres:", "looker:", 1)
    try:
        without = verify(production_dsn=looking)
        production.rows("CREATE FOREIGN DATA WRAPPER f; CREATE SERVER s FOREIGN DATA WRAPPER f", "portal")
        production.rows("CREATE USER MAPPING FOR looker SERVER s OPTIONS (user 'u')", "portal")
        result = verify(production_dsn=looking)
        production.rows("DROP SERVER s CASCADE", "portal")
    finally:
        production.rows("DROP OWNED BY looker", "portal")
        production.rows("DROP ROLE looker")
    assert "object:catalogue:pg_user_mapping" not in names(without)
    assert "object:catalogue:pg_user_mapping" in names(result)
    assert not any("what production's own load made" in line for line in result["step"]["did"])


def test_more_findings_than_a_page_takes_are_in_a_file_of_the_run(
    both, verify, production, staging, tmp_path
):
    make = (
        "DO $$ BEGIN FOR n IN 1..1200 LOOP EXECUTE format('CREATE VIEW v%s AS SELECT 1', n); END LOOP; END $$"
    )
    production.rows(make, "portal")
    work = tmp_path / "work"
    work.mkdir(mode=0o700)
    result = verify(work=str(work), run="run-2")
    assert (result["found"], len(result["findings"])) == (1200, 1000)
    assert "object:view:*: 1,200 findings" in result["msg"]
    assert len(result["msg"]) < 1000
    kept = json.loads((work / "run-2" / "findings.json").read_text())["findings"]
    assert len(kept) == 1200
    assert not verify(accept=["object:view:*"]).get("failed")


# Names that anybody who may create a view can choose.
HOSTILE = (
    "it's \"q\"", "a  b", "a, b (c", "$HOME `id` $(id)", "a\nb", "{{ lookup('pipe', 'touch DIR') }}", "a*",
    "a@20", "Größe \U0001f9ec \u202e", "--check",
)  # fmt: skip
PASTED = """
- hosts: localhost
  gather_facts: false
  tasks:
    - dataportal.reingest.ingest_verify:
        accept: "{{ reingest_accept }}"
        dataset: "{{ dataset }}"
        staging_dsn: "{{ staging }}"
        production_dsn: "{{ production }}"
"""


def test_what_is_printed_is_pasted_into_a_shell_and_accepts_just_what_was_seen(
    both, verify, portal, production, staging
):
    made = portal / "made"
    views = [name.replace("DIR", str(made)).replace('"', '""') for name in HOSTILE]
    for name in views:
        production.rows(f'CREATE VIEW "{name}" AS SELECT 1 AS "n"', "portal")

    message = verify()["msg"]
    assert "10 findings:" in message
    (portal / "play.yml").write_text(PASTED)
    servers = {"staging": staging.dsn(), "production": production.dsn()}
    (portal / "vars.json").write_text(json.dumps({**servers, "dataset": str(portal / "dataset.yml")}))

    def paste(message):
        argument = message.rpartition("to accept all of these: ")[2]
        command = f"{PROGRAM} {portal}/play.yml -e @{portal}/vars.json {argument}"
        done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    code, output = paste(message)
    assert code == 0, output
    assert not made.exists()
    # One view more, and one that is another now, are new findings; the others are not.
    production.rows(f'CREATE OR REPLACE VIEW "{views[0]}" AS SELECT 2 AS "n"', "portal")
    production.rows("CREATE VIEW more AS SELECT 1", "portal")
    code, output = paste(message)
    assert code != 0
    assert "2 findings:" in output
    assert "it is another now" in output
    # What Ansible prints can be pasted as it stands, too.
    [argument] = set(re.findall(r"beside what is accepted already: (-e .*)", output))
    code, output = paste(f"to accept all of these: {argument}")
    assert code == 0, output


def test_a_worker_is_told_before_the_load_where_pg_dump_is_and_without_it_carries_nothing_that_needs_it(
    both, rules, verify, portal, production, staging, run_module, monkeypatch
):
    production.rows("CREATE TYPE size AS ENUM ('a')", "portal")
    rules({"kind": "type", "name": "*", "do": "carry"})
    assert verify()["carried"] != []
    given = {"dataset": str(portal / "dataset.yml"), "staging_dsn": staging.dsn(), "force": True}
    given |= {"production_dsn": production.dsn(), "plan_only": True}
    told = (
        f"definitions can be carried: by {production.binaries}/pg_dump and {production.binaries}/pg_restore"
    )
    assert told in run_module("ingest_load", **given, run="run-1")["step"]["did"]
    staging.rows("DROP TYPE size", "portal")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(programs, "_FOLDERS", ())
    result = verify()
    assert names(result) == {"object:type:public.size"}
    assert "it was to be carried, and cannot be: this host has no pg_dump and pg_restore" in result["msg"]
    planned = run_module("ingest_load", **given, run="run-2")
    assert "- pg_dump: `objects:` of the dataset carries definitions, and this host has no" in planned["msg"]


def test_a_definition_in_production_cannot_pass_for_another_entry_of_the_archive(
    both, rules, verify, production, staging
):
    fake = "$$\n--\n-- Name: x; Type: TYPE; Schema: -; Owner: x\n--\nCREATE TYPE evil AS ENUM ();\n"
    fake += "--\n-- PostgreSQL database dump complete\n--\n$$"
    production.rows(
        f'CREATE DOMAIN mail AS text DEFAULT {fake}; CREATE TYPE "a\n2; 1247 1 x" AS (i int)', "portal"
    )
    rules({"kind": "*", "name": "*", "do": "carry"})
    result = verify()
    assert result["findings"] == []
    assert staging.rows("SELECT to_regtype('evil')", "portal") == [(None,)]
    assert verify()["carried"] == []


def test_a_sequence_that_is_carried_counts_on_where_production_s_stands(
    both, rules, verify, production, staging
):
    production.rows("CREATE SEQUENCE numbers OWNED BY scratch.id; SELECT setval('numbers', 41)", "portal")
    rules({"kind": "sequence", "name": "*", "do": "carry"})
    assert verify()["findings"] == []
    assert staging.rows("SELECT nextval(pg_get_serial_sequence('scratch', 'id'))", "portal") == [(42,)]


def test_labels_and_settings_of_what_is_in_use_are_changed_in_place(
    load, verify, portal, production, staging
):
    (portal / "schema.sql").write_text(
        BASE + "CREATE TABLE felt (how mood, n bigint DEFAULT nextval('ticket'));"
    )
    (portal / "dataset.yml").write_text(DATASET + "  felt: {owner: schema}\n")
    load(production)
    load(staging)
    production.rows(
        "ALTER TYPE mood ADD VALUE 'mad' BEFORE 'glad'; ALTER SEQUENCE ticket INCREMENT 3", "portal"
    )
    (portal / "dataset.yml").write_text(
        DATASET + "  felt: {owner: schema}\nobjects: [{kind: '*', name: '*', do: carry}]\n"
    )
    result = verify()
    assert result["findings"] == []
    assert "ALTER TYPE public.mood ADD VALUE 'mad' AFTER 'sad'" in result["carried"]
    assert verify()["carried"] == []


def test_an_extension_is_carried_whole_with_what_uses_it(both, rules, verify, production, staging):
    available = "SELECT min(name) FROM pg_available_extensions WHERE name IN ('vector', 'hstore')"
    [(name,)] = production.rows(available, "portal")
    production.rows(f"CREATE SCHEMA ext; CREATE EXTENSION {name} SCHEMA ext", "portal")
    production.rows(f"CREATE DOMAIN spot AS ext.{name}; CREATE VIEW spots AS SELECT NULL::spot", "portal")
    rules({"kind": "*", "name": "*", "do": "carry"})
    result = verify()
    assert result["findings"] == []
    assert len(result["carried"]) < 12
    assert verify()["carried"] == []


def test_what_calls_into_a_library_or_holds_a_password_is_not_carried(
    both, rules, verify, production, staging
):
    production.rows("CREATE FUNCTION plus(int, int) RETURNS int LANGUAGE internal AS 'int4pl'", "portal")
    production.rows("CREATE FOREIGN DATA WRAPPER f; CREATE SERVER s FOREIGN DATA WRAPPER f", "portal")
    production.rows("ALTER SERVER s OPTIONS (password 'wordpass')", "portal")
    production.rows("CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (password 'wordpass')", "portal")
    rules({"kind": "*", "name": "*", "do": "carry"})
    result = verify()
    mapping = "object:user-mapping:public on server s"
    assert names(result) == {"object:function:public.plus(integer,integer)", mapping}
    assert "it was to be carried, and cannot be: it calls into a library of the server" in result["msg"]
    assert "it was to be carried, and cannot be: a password may be in it" in result["msg"]
    done = verify(accept=[finding["accept"] for finding in result["findings"]])
    assert "password '***'" in str(done["carried"])
    assert "wordpass" not in json.dumps([result, done])


def test_what_is_on_a_table_whose_rights_are_carried_is_left_behind_when_that_is_accepted(
    both, verify, production, staging
):
    production.rows("GRANT SELECT ON study TO reader; CREATE INDEX by_size ON study (size)", "portal")
    result = verify(accept=["object:index:public.by_size"])
    assert result["carried"] == ['GRANT SELECT ON TABLE public.study TO "reader"']
    assert staging.rows("SELECT to_regclass('by_size')", "portal") == [(None,)]


def test_a_comment_that_is_ignored_is_not_carried_with_its_object(both, rules, verify, production, staging):
    production.rows("CREATE VIEW report AS SELECT 1 AS n; COMMENT ON VIEW report IS 'r'", "portal")
    rules({"kind": "comment", "name": "*", "do": "ignore"}, {"kind": "*", "name": "*", "do": "carry"})
    assert not any("COMMENT" in statement for statement in verify()["carried"])
    assert staging.rows("SELECT obj_description('report'::regclass)", "portal") == [(None,)]
