"""The module against real servers: what it loads, what it keeps, what it refuses, and what it leaves behind."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from integration.portal_dataset import AUTHORS, BOOKS, SCHEMA, Portal

ROOT = Path(__file__).parents[2]
DEMO = {"dataset": str(ROOT / "demo" / "dataset.yml"), "run": "run-1", "operator": "0000-0002-1825-0097"}
R1, R2 = "data/r1_2020-07-28", "data/r2_2021-02-01"
CATALOG = """
SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid) || convalidated,
       obj_description(oid, 'pg_constraint')
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT 'index', indrelid::regclass::text, indexrelid::regclass::text, pg_get_indexdef(indexrelid), NULL
FROM pg_index JOIN pg_class ON pg_class.oid = indrelid WHERE relnamespace = 'public'::regnamespace
ORDER BY 1, 2, 3
"""


@pytest.fixture(scope="module")
def staging(server_factory):
    return server_factory()


@pytest.fixture(scope="module")
def production(server_factory):
    return server_factory()


@pytest.fixture
def portal(tmp_path, staging, production):
    for server in (staging, production):
        server.rows("DROP DATABASE IF EXISTS library WITH (FORCE)")
    return Portal(tmp_path)


@pytest.fixture
def load(run_module, portal, staging):
    """Load the small portal into staging; production is left out unless it is named."""

    def run(**params):
        given = {"dataset": str(portal.dataset), "staging_dsn": staging.dsn(), "run": "run-1", "operator": "me"}
        return run_module("ingest_load", **{"production_required": False, **given, **params})

    return run


def refused(result):
    assert result.get("failed"), result
    return result["msg"]


def databases(server):
    return {name for (name,) in server.rows("SELECT datname FROM pg_database")}


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        (R1, {"study": 13, "biosample": 964, "omics_processing": 7454, "data_object": 10870, "activity": 1033}),
        (R2, {"study": 12, "biosample": 32230, "omics_processing": 7184, "data_object": 10376, "activity": 1033}),
    ],
)
def test_a_real_release_is_loaded_and_its_dirt_is_counted(run_module, staging, release, expected):
    result = run_module(
        "ingest_load", **DEMO, sources=release, staging_dsn=staging.dsn(), production_required=False
    )
    assert result["changed"], result.get("msg")
    assert result["action"] == "load"
    assert result["release"] == Path(release).name
    for table, count in expected.items():
        assert staging.rows(f"SELECT count(*) FROM {table}", "nmdc") == [(count,)]
        assert result["tables"][table]["loaded"] == count
    assert result["tables"]["omics_input"]["orphans"] == 1
    assert result["tables"]["biosample"]["duplicates"] == (926 if release == R2 else 0)
    assert staging.rows("SELECT count(*) > 0 FROM study WHERE omics_count > 0", "nmdc") == [(True,)]
    assert staging.rows("SELECT snapshot, release, finished IS NOT NULL FROM reingest.load", "nmdc") == [
        (result["snapshot"], result["release"], True)
    ]


def test_values_come_back_as_they_were_written(load, staging):
    assert load()["changed"]
    rows = staging.rows("SELECT id, author_id, title, pages, tags, rest FROM book ORDER BY id", "library")
    assert rows == [
        (7, "a2", "Emma", 474, ["novel", 'a "quote"', None], {"author": BOOKS[0]["author"]}),
        (9, "a1", "Notes\ton\\the\nEngine", 66, [], {"author": {"id": "a1"}, "extra": {"a": [1.5]}}),
    ]
    authors = staging.rows("SELECT id, name, born::text, favourite FROM author ORDER BY id", "library")
    assert authors == [("a1", "Ada", "1815-12-10", "Emma"), ("a2", "Jane", None, None)]


def test_keys_references_and_indexes_are_back_exactly_as_the_schema_has_them(load, staging):
    assert load()["changed"]
    staging.rows("DROP DATABASE IF EXISTS plain")
    staging.rows("CREATE DATABASE plain TEMPLATE template0")
    staging.rows(SCHEMA, "plain")
    assert staging.rows(CATALOG, "library") == staging.rows(CATALOG, "plain")


def test_a_sequence_goes_on_behind_the_loaded_values(load, staging):
    assert load()["changed"]
    assert staging.rows("INSERT INTO book (title) VALUES ('new') RETURNING id", "library") == [(10,)]


def test_everybody_may_read_what_was_loaded(load, staging):
    assert load()["changed"]
    allowed = "SELECT bool_and(has_table_privilege('pg_monitor', oid, 'SELECT')) FROM pg_class WHERE relkind = 'r'"
    assert staging.rows(f"{allowed} AND relnamespace = 'reingest'::regnamespace", "library") == [(True,)]
    assert staging.rows("SELECT path, size > 0, length(sha256) FROM reingest.load_source ORDER BY 1", "library") == [
        ("author.csv", True, 64),
        ("book.jsonl.gz", True, 64),
    ]


def test_a_second_run_keeps_the_staged_load_and_force_replaces_it(load, staging):
    first = load(snapshot="20261123T114500Z")
    second = load(snapshot="20261123T114501Z")
    assert (second["changed"], second["action"], second["snapshot"]) == (False, "keep_staged", first["snapshot"])
    assert second["tables"] == first["tables"]
    assert second["step"]["did"] == []
    forced = load(snapshot="20261123T114502Z", force=True)
    assert (forced["changed"], forced["action"], forced["snapshot"]) == (True, "load", "20261123T114502Z")


def test_what_production_has_already_is_not_loaded_again(load, staging, production):
    first = load(staging_dsn=production.dsn())
    second = load(production_dsn=production.dsn(), production_required=True)
    assert (second["changed"], second["action"], second["snapshot"]) == (False, "keep_live", first["snapshot"])
    assert "library" not in databases(staging)


@pytest.mark.parametrize("part", ["sources", "schema", "dataset"])
def test_a_change_of_any_part_is_loaded(load, portal, part):
    assert load()["changed"]
    if part == "sources":
        portal.authors(AUTHORS + "a3,Mary,,\n")
    elif part == "schema":
        portal.schema(SCHEMA + "CREATE INDEX author_name ON author (name);")
    else:
        portal.change("shrink: 10%", "shrink: 11%")
    assert load()["changed"]


def test_check_mode_tells_the_same_and_changes_nothing(load, staging):
    planned = load(check=True, snapshot="20261123T114500Z")
    assert planned["changed"]
    assert planned["action"] == "load"
    assert "library" not in databases(staging)
    done = load(snapshot="20261123T114500Z")
    for key in ("changed", "action", "snapshot", "release", "digest", "sources", "diff"):
        assert planned[key] == done[key]
    assert planned["step"]["did"] == done["step"]["did"]
    assert done["step"]["did"] == ["load author from author.csv", "load book from book.jsonl.gz"]
    read = {name: table["read"] for name, table in planned["tables"].items()}
    assert read == {name: table["read"] for name, table in done["tables"].items()}
    kept = load(check=True)
    assert (kept["changed"], kept["action"]) == (False, "keep_staged")


def test_schema_rows_and_transforms_are_part_of_the_load(load, portal, staging):
    portal.schema(SCHEMA + "CREATE TABLE version (v text); INSERT INTO version VALUES ('42'); CREATE TABLE total (n bigint);")
    portal.change("  loan: {owner: portal}", "  loan: {owner: portal}\n  version: {owner: schema}\n  total: {owner: source}")
    portal.change("checks:", "transform: [total.sql]\nchecks:")
    (portal.folder / "total.sql").write_text("INSERT INTO total SELECT count(*) FROM book; -- one row\n")
    result = load()
    assert result["tables"]["version"]["loaded"] == result["tables"]["total"]["loaded"] == 1
    assert result["step"]["did"][-1] == "run transform total.sql"
    assert staging.rows("SELECT n FROM total", "library") == [(2,)]


def test_a_database_that_others_are_connected_to_is_replaced(load, staging):
    assert load()["changed"]
    other = staging.connect("library")
    try:
        assert load(force=True)["changed"]
    finally:
        other.close()


def test_staging_and_production_must_be_two_servers(load, staging):
    assert "are the same server" in refused(load(production_dsn=staging.dsn()))


def test_a_silent_production_stops_all_but_the_first_ingest(load):
    nowhere = "postgresql://postgres:x@127.0.0.1:1/postgres"
    assert "no PostgreSQL answers at 127.0.0.1:1" in refused(load(production_dsn=nowhere, production_required=True))
    assert load(production_dsn=nowhere)["changed"]


def test_a_table_of_production_without_an_owner_is_refused(load, production):
    production.rows("CREATE DATABASE library")
    production.rows("CREATE TABLE forgotten (n int)", "library")
    message = refused(load(production_dsn=production.dsn()))
    assert "table forgotten of production has no owner" in message
    assert "add `forgotten: {owner: source|portal|schema}` under `tables:`" in message


def test_a_wrong_password_is_refused_and_never_printed(load, staging):
    wrong = staging.dsn().replace("only-for-tests", "pa55-w0rd")
    result = load(staging_dsn=wrong)
    assert f"the login as user postgres at 127.0.0.1:{staging.port} is refused" in refused(result)
    assert "check the password" in result["msg"]
    assert "pa55-w0rd" not in json.dumps(result["msg"])


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda p: (p.sources / "author.csv").unlink(), "author.csv does not exist"),
        (lambda p: _cut(p.sources / "book.jsonl.gz"), "book.jsonl.gz is truncated"),
        (lambda p: p.book_lines('{"id": 1}\n{"id": \n'), "book.jsonl.gz:2: not JSON"),
        (lambda p: p.book_lines("[1]\n"), "book.jsonl.gz:1: not a JSON object"),
        (lambda p: p.authors("id,name,born,favourite\na1,Ada\n"), "author.csv:2: 2 fields where the first line names 4"),
        (lambda p: p.authors("id,name,born\na1,Ada,\n"), "author.csv has no field favourite; the fields there are id, name, born"),
        (
            lambda p: p.books([BOOKS[0], {**BOOKS[1], "pages": "many"}]),
            "book.jsonl.gz:2: table book, column pages: 'many': invalid input syntax for type integer",
        ),
        (
            lambda p: p.books([BOOKS[0], {**BOOKS[1], "pages": -1}]),
            "book.jsonl.gz:2: table book, column pages: '-1': new row for relation \"book\" violates check constraint",
        ),
        (
            lambda p: p.books([BOOKS[0], {**BOOKS[1], "title": None}]),
            "book.jsonl.gz:2: table book, column title: 'None': null value in column",
        ),
        (
            lambda p: p.books([BOOKS[0], {**BOOKS[1], "title": {"en": "x"}}]),
            "book.jsonl.gz:2: table book, column title: \"{'en': 'x'}\" is an object",
        ),
        (lambda p: p.change("title: title", "title: titel"), "the path titel occurs in no record"),
        (lambda p: p.change("author.id", "author.name"), "the keys there are id, sure"),
        (lambda p: p.change("pages: pages", "leaves: pages"), "the table has no column leaves"),
        (lambda p: p.change("title: title, ", ""), "column title takes no NULL and has no default"),
        (lambda p: p.change('tags: tags, rest: "*"', 'tags: "*"'), "needs a column of type jsonb"),
        (lambda p: p.change("    from: author.csv", "    fromm: author.csv"), "tables.author: unknown key fromm; did you mean from?"),
        (lambda p: p.change("  loan: {owner: portal}", "  loan: {}"), "tables.loan: has no owner"),
        (lambda p: p.change("  loan: {owner: portal}\n", ""), "table loan of the schema schema.sql has no owner"),
        (lambda p: p.change("  loan:", "  loans: {owner: portal}\n  loan:"), "makes no such table (did you mean loan?)"),
        (lambda p: p.change("sources: r1", "sources: r1\nsources: r1"), "dataset.yml:5: the key sources is here twice"),
        (lambda p: p.schema("CREATE TABLE a (n int);\n\nCREATE TABEL b;"), "schema.sql:3: syntax error"),
        (lambda p: p.schema("CREATE TABLE a (n int);\nCOMMIT;"), "schema.sql:2: COMMIT: the loader runs the file"),
        (lambda p: p.schema("\\connect x\n"), "schema.sql:1: a command of psql"),
        (
            lambda p: p.books([*BOOKS, {**BOOKS[0], "title": "Other"}]),
            "table book: rows of the key (id) = (7) have different contents",
        ),
        (lambda p: p.books([*BOOKS, BOOKS[0]]), "table book: 1 keys are in the source more than once, such as (id) = (7)"),
        (lambda p: p.books([*BOOKS, {**BOOKS[0], "id": 8}]), "table book: could not create unique index"),
        (
            lambda p: p.books([*BOOKS, {**BOOKS[0], "id": 8, "title": "X", "author": {"id": "a9"}}]),
            "table book, column author_id: 1 rows name a row of author that does not exist (a9)",
        ),
    ],
)  # fmt: skip
def test_bad_input_is_refused_by_its_place_and_the_next_load_is_clean(load, portal, staging, spoil, expected):
    spoil(portal)
    assert expected in refused(load())
    shown = staging.rows("SELECT count(*) FROM pg_database WHERE datname = 'library'")
    if shown == [(1,)]:
        assert staging.rows("SELECT finished FROM reingest.load", "library") == [(None,)]


def test_the_run_after_a_refused_one_loads(load, portal):
    portal.books([BOOKS[0], BOOKS[0]])
    refused(load())
    portal.books(BOOKS)
    assert load()["changed"]


def test_declared_duplicates_and_orphans_are_counted_and_left_out(load, portal, staging):
    portal.change("    from: book.jsonl.gz", "    from: book.jsonl.gz\n    duplicates: drop\n    orphans: drop")
    portal.books([*BOOKS, BOOKS[0], BOOKS[0], {**BOOKS[0], "id": 8, "title": "X", "author": {"id": "a9"}}])
    assert load()["tables"]["book"] == {"owner": "source", "read": 5, "loaded": 2, "duplicates": 2, "orphans": 1}
    assert staging.rows("SELECT id FROM book ORDER BY 1", "library") == [(7,), (9,)]


def test_dropping_an_orphan_makes_orphans_of_what_names_it(load, portal):
    portal.change("    from: book.jsonl.gz", "    from: book.jsonl.gz\n    orphans: drop")
    portal.change("    from: author.csv", "    from: author.csv\n    orphans: drop")
    portal.authors(AUTHORS + "a3,Mary,,Gone\na4,Emily,,Never\n")
    portal.books([*BOOKS, {**BOOKS[0], "id": 8, "title": "Gone", "author": {"id": "a4"}}])
    tables = load()["tables"]
    assert tables["author"]["orphans"] == 2
    assert tables["book"]["orphans"] == 1


def test_a_second_load_is_refused_by_who_has_the_server(load, staging):
    holder = staging.connect()
    try:
        with holder.cursor() as cursor:
            cursor.execute("SET application_name = 'reingest load run-0 of ada'")
            cursor.execute("SELECT pg_advisory_lock(7235419186024011361)")
        message = refused(load())
        assert re.search(r"is under way: reingest load run-0 of ada \(server process \d+\) since \d{4}-", message)
        assert "library" not in databases(staging)
    finally:
        holder.close()


def test_a_load_that_is_killed_ends_at_once_and_the_next_run_cleans_it(portal, load, staging):
    fifo = portal.sources / "book.jsonl"
    os.mkfifo(fifo)
    portal.change("from: book.jsonl.gz", "from: book.jsonl")
    program = (
        "import sys; from pathlib import Path; import ansible.module_utils as m; m.__path__.append(sys.argv[1])\n"
        "from dataclasses import replace\n"
        "from ansible.module_utils.reingest.load import apply, plan\n"
        "planned = plan.plan_load(Path(sys.argv[2]), staging_dsn=sys.argv[3], production_required=False)\n"
        "feeds = tuple(replace(f, files=tuple(p.with_suffix('') if p.suffix == '.gz' else p for p in f.files))"
        " for f in planned.feeds)\n"
        "files = tuple(replace(f, path=p) for f in planned.files for p in [f.path.with_suffix('') if f.path.suffix == '.gz' else f.path])\n"
        "apply.apply_load(replace(planned, feeds=feeds, files=files), staging_dsn=sys.argv[3], run='killed', operator='me', processes=2)\n"
    )
    portal.change("from: book.jsonl", "from: book.jsonl.gz")
    module = subprocess.Popen([sys.executable, "-c", program, str(ROOT / "module_utils"), str(portal.dataset), staging.dsn()])
    with fifo.open("w") as stream:  # opens when the load reads its source: it is in the middle now
        stream.write(json.dumps(BOOKS[0]) + "\n")
        stream.flush()
        module.send_signal(signal.SIGKILL)
        module.wait()
        assert staging.rows("SELECT finished FROM reingest.load", "library") == [(None,)]
        result = load()  # while the pipe is still open: the killed load's processes must not wait for it
    assert result["changed"], result.get("msg")
    assert staging.rows("SELECT count(*) FROM book", "library") == [(2,)]


def test_memory_does_not_grow_with_the_source(portal, staging):
    """The children's peak, as the kernel has it, for one source and for one eight times as long."""
    program = (
        "import resource, sys; from pathlib import Path; import ansible.module_utils as m; m.__path__.append(sys.argv[1])\n"
        "from ansible.module_utils.reingest.load import apply, plan\n"
        "planned = plan.plan_load(Path(sys.argv[2]), staging_dsn=sys.argv[3], production_required=False, force=True)\n"
        "apply.apply_load(planned, staging_dsn=sys.argv[3], run='r', operator='me', processes=2)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    )
    peaks = []
    for rows in (20_000, 160_000):
        with gzip.open(portal.sources / "book.jsonl.gz", "wt", compresslevel=1) as stream:
            for number in range(rows):
                book = {"id": number + 1, "author": {"id": "a1"}, "title": f"t{number}", "pages": 1, "tags": [], "x": "y" * 200}
                stream.write(json.dumps(book) + "\n")
        portal.authors("id,name,born,favourite\na1,Ada,,t1\n")
        command = [sys.executable, "-c", program, str(ROOT / "module_utils"), str(portal.dataset), staging.dsn()]
        peaks.append(int(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    assert peaks[1] < peaks[0] * 1.1


def test_the_module_runs_as_ansible_runs_it(portal, staging):
    arguments = {
        "dataset": str(portal.dataset), "staging_dsn": staging.dsn(), "production_required": False, "run": "r", "operator": "me",
    }  # fmt: skip
    command = [Path(sys.executable).with_name("ansible"), "localhost", "-i", "localhost,", "-c", "local", "-m", "ingest_load"]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_LOCALHOST_WARNING": "false"}
    done = subprocess.run(
        [*command, "-e", f"ansible_python_interpreter={sys.executable}", "-a", json.dumps(arguments)],
        capture_output=True, text=True, cwd=ROOT, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "CHANGED" in done.stdout
    assert "only-for-tests" not in done.stdout + done.stderr
    assert staging.rows("SELECT count(*) FROM book", "library") == [(2,)]


def _cut(path):
    data = gzip.compress(os.urandom(100_000).hex().encode())
    path.write_bytes(data[: len(data) // 2])
