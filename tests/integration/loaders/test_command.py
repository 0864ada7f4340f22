"""The portal's own loader as a command: a real script, real servers."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from integration.loaders.conftest import runs
from waiting import wait_for

ROOT = Path(__file__).parents[3]
HANGS = """
import subprocess
detached = subprocess.Popen(["sleep", "600"], start_new_session=True)
attached = subprocess.Popen(["sleep", "600"])
import pathlib
own = pathlib.Path(__file__).with_name("children")
own.write_text(f"{os.getpid()} {detached.pid} {attached.pid}")
print("hanging")
"""


def shown(result):
    return json.dumps(result)


def test_what_the_loader_made_is_described_as_any_load_is(load, place, staging):
    result = load(progress=[r"\d+ of \d+"])
    assert result["changed"], result.get("msg")
    assert result["action"] == "load"
    assert result["release"] == "r1"
    counts = {
        name: (count["owner"], count["read"], count["loaded"]) for name, count in result["tables"].items()
    }
    assert counts == {"author": ("source", 2, 2), "book": ("source", 10, 10), "loan": ("portal", 0, 0)}
    assert staging.rows(
        "SELECT snapshot, release, digest, run, finished IS NOT NULL FROM reingest.load", "library"
    ) == [(result["snapshot"], "r1", result["digest"], "run-1", True)]
    assert staging.rows("SELECT name, loaded FROM reingest.load_table ORDER BY 1", "library") == [
        ("author", 2),
        ("book", 10),
        ("loan", 0),
    ]
    assert result["step"]["detail"]["progress"] == "loaded 10 of 10 books"
    assert place.log == "loaded 10 of 10 books\n"


def test_what_follows_from_its_rows_is_made_after_it(load, place, staging):
    place.adds(
        """
with connection, connection.cursor() as cursor:
    cursor.execute("CREATE SEQUENCE own START 3; ALTER TABLE book ALTER id SET DEFAULT nextval('own')")
    cursor.execute("CREATE MATERIALIZED VIEW m AS SELECT count(*) AS n FROM book WITH NO DATA")
    cursor.execute("CREATE MATERIALIZED VIEW later AS SELECT 1 / 0 AS n WITH NO DATA")
"""
    )
    assert "materialised view later cannot be refreshed: division by zero" in load()["msg"]
    place.dataset.write_text(place.dataset.read_text() + "views: {later: unpopulated}\n")
    assert load().get("changed")
    assert staging.rows("TABLE m", "library") == [(10,)]
    assert staging.rows("INSERT INTO book (title) VALUES ('x') RETURNING id", "library") == [(11,)]
    place.dataset.write_text(place.dataset.read_text().replace("later:", "never:"))
    assert "there is no materialised view never: correct `views:`" in load()["msg"]


def test_the_same_verification_follows(load, run_module, place, staging):
    result = load()
    given = {"dataset": str(place.dataset), "staging_dsn": staging.dsn(), "first": True}
    verified = run_module("ingest_verify", snapshot=result["snapshot"], **given)
    assert not verified.get("failed"), verified
    staging.rows("INSERT INTO book VALUES (11, NULL, 'late')", "library")
    found = run_module("ingest_verify", snapshot=result["snapshot"], **given)["findings"]
    assert [finding["name"] for finding in found] == ["count:book", "sql:books have authors"]


def test_the_result_has_the_keys_of_the_datasets_own_load(load, run_module, place, staging):
    (place.folder / "own.yml").write_text(
        "database: library\nschema: schema.sql\ntables:\n"
        + "".join(f"  {name}: {{owner: schema}}\n" for name in ("author", "book", "loan"))
    )
    own = run_module(
        "ingest_load",
        dataset=str(place.folder / "own.yml"),
        staging_dsn=staging.dsn(),
        first=True,
        run="r",
        operator="0000-0002-1825-0097",
    )
    result = load()
    used = {
        "action",
        "snapshot",
        "release",
        "digest",
        "tables",
        "sources",
        "system_identifier",
        "step",
        "diff",
    }
    assert used <= set(result) & set(own)
    assert set(result["tables"]["book"]) == set(own["tables"]["book"])


def test_a_second_run_changes_nothing_unless_it_is_forced_or_the_release_is_another(load, place):
    first = load()
    place.script.write_text("raise SystemExit(7)")
    again = load()
    assert (again["changed"], again["action"], again["snapshot"]) == (False, "keep_staged", first["snapshot"])
    assert again["tables"] == first["tables"]
    assert "exit code 7" in load(force=True)["msg"]
    assert load(release="r2")["failed"]


def test_a_release_that_production_has_is_kept_live(load, staging, production):
    made = load()
    production.rows("CREATE DATABASE library")
    dump = staging.binaries / "pg_dump"
    text = subprocess.run([dump, staging.dsn("library")], capture_output=True, check=True).stdout
    subprocess.run(
        [staging.binaries / "psql", "-q", production.dsn("library")],
        input=text,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    result = load(production_dsn=production.dsn(), first=False)
    assert (result["action"], result["snapshot"]) == ("keep_live", made["snapshot"])


def test_other_contents_of_a_declared_source_are_another_load(load, place):
    source = place.folder / "books.csv"
    source.write_text("1")
    first = load(files=["*.csv"])
    assert [file["path"] for file in first["sources"]] == ["books.csv"]
    source.write_text("2")
    assert load(files=["*.csv"])["digest"] != first["digest"]
    assert "nothing.csv does not exist" in load(files=["nothing.csv"])["msg"]


def test_check_mode_validates_all_and_runs_nothing(run_module, arguments, load, place, staging):
    planned = run_module("loader_run", check=True, command=place.command(), **arguments)
    assert planned["changed"], planned
    assert not list(place.work.rglob("loader.log"))
    assert staging.rows("SELECT count(*) FROM pg_database WHERE datname = 'library'") == [(0,)]
    assert planned["tables"]["book"] == {
        "owner": "source",
        **dict.fromkeys(set(planned["tables"]["book"]) - {"owner"}),
    }
    done = load(snapshot=planned["snapshot"])
    assert done["step"]["did"] == planned["step"]["did"]
    assert done["diff"] == planned["diff"]


@pytest.mark.parametrize(
    ("does", "reason"),
    [
        ("sys.exit(3)", "exit code 3; its last line: loaded 10 of 10 books"),
        ("os.kill(os.getpid(), 9)", "signal 9"),
        ("print('ERROR: 3 books are lost', file=sys.stderr)", "line 2: ERROR: 3 books are lost"),
        (
            "try:\n    1 / 0\nexcept ZeroDivisionError:\n    import traceback; traceback.print_exc()",
            "Traceback",
        ),
    ],
)
def test_a_loader_that_fails_leaves_no_finished_load_and_the_next_run_starts_over(
    does, reason, refusal, load, place, staging
):
    place.adds(does)
    message = refusal()
    assert reason in message
    assert str(place.work / "run-1/loader.log") in message
    assert staging.rows("SELECT finished FROM reingest.load", "library") == [(None,)]
    place.script.write_text(place.script.read_text().replace(does, ""))
    result = load()
    assert result["changed"], result.get("msg")
    assert "unfinished load" in result["diff"]["before"]
    assert any("made anew" in str(warning) for warning in result["warnings"])
    assert staging.rows("SELECT count(*) FROM book", "library") == [(10,)]


def test_an_error_that_is_declared_benign_fails_nothing(load, place):
    place.adds("print('0 ERRORS found'); print('progress 1\\rprogress 2')")
    result = load(benign=["0 ERRORS"])
    assert result["changed"], result.get("msg")
    assert place.log.splitlines()[1:] == ["0 ERRORS found", "progress 1", "progress 2"]


def test_a_fatal_line_ends_the_loader_at_once_even_when_it_is_benign_too(refusal, place, children):
    place.adds(HANGS + "print('WARN: lost the connection'); time.sleep(600)")
    message = refusal(fatal=["lost the connection"], benign=["WARN"])
    assert "declared fatal: WARN: lost the connection" in message
    assert children()
    assert not any(map(runs, children()))


def test_a_loader_that_hangs_is_ended_with_all_it_started(refusal, place, children):
    place.adds(HANGS + "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN); time.sleep(600)")
    assert "did not end within 3 s" in refusal(command=place.command(timeout=3))
    assert len(children()) == 3
    assert not any(map(runs, children()))


def test_what_a_loader_leaves_running_is_ended_with_it(load, place, children):
    place.adds(HANGS)
    result = load()
    assert result["changed"], result.get("msg")
    assert not any(map(runs, children()))


def test_a_module_that_is_killed_takes_the_loader_along_and_the_next_run_starts_over(
    arguments, load, place, children, staging
):
    place.adds(HANGS + "time.sleep(600)")
    program = "import json, sys\nsys.path[:0] = sys.argv[2:]\nimport conftest\n"
    program += "from plugins.modules import loader_run\n"
    program += "from ansible.module_utils.testing import patch_module_args\n"
    program += "with patch_module_args(json.loads(sys.argv[1])): loader_run.main()\n"
    given = json.dumps({**arguments, "command": place.command()})
    paths = [str(ROOT), str(ROOT / "tests")]
    with subprocess.Popen([sys.executable, "-c", program, given, *paths]) as module:
        wait_for(lambda: len(children()) == 3)
        module.send_signal(signal.SIGKILL)
    wait_for(lambda: not any(map(runs, children())))
    assert staging.rows("SELECT finished FROM reingest.load", "library") == [(None,)]
    place.script.write_text(place.script.read_text().replace(HANGS + "time.sleep(600)", ""))
    assert load()["changed"]


LOCK = """
held = psycopg2.connect(os.environ["PRODUCTION"])
with held, held.cursor() as cursor:
    cursor.execute("INSERT INTO ingest_lock VALUES (1)")
"""
UNLOCK = {"sql": "DELETE FROM ingest_lock", "server": "production"}


@pytest.fixture
def locking(place, production):
    """Return ``command(**more)``: a loader that takes a lock row in production before all else."""
    production.rows("CREATE DATABASE library")
    table = "CREATE TABLE ingest_lock (id integer PRIMARY KEY)"
    production.rows(table, "library")
    schema = place.folder / "schema.sql"
    schema.write_text(f"{schema.read_text()}{table};\n")
    owners = place.dataset.read_text()
    place.dataset.write_text(owners.replace("  loan:", "  ingest_lock: {owner: portal}\n  loan:"))
    place.script.write_text(place.script.read_text() + LOCK)

    def command(**more):
        made = place.command(**more)
        return {**made, "secrets": {**made["secrets"], "PRODUCTION": production.dsn("library")}}

    return command


def test_what_an_ended_loader_leaves_in_production_is_cleaned_up_and_without_a_remedy_it_is_told(
    refusal, load, place, locking, production
):
    ends, given = LOCK + "time.sleep(600)", {"production_dsn": production.dsn(), "first": True}
    place.adds("time.sleep(600)")
    told = refusal(command=locking(timeout=3), **given)
    assert "it has no `cleanup:`: what it left elsewhere" in told
    assert "run again" not in told
    assert production.rows("SELECT id FROM ingest_lock", "library") == [(1,)]
    # The lock row is in the way of the loader; what follows an unfinished load cleans up before it.
    place.script.write_text(place.script.read_text().replace(ends, LOCK))
    result = load(command=locking(), cleanup=UNLOCK, **given)
    assert result["changed"], result.get("msg")
    assert any("the loader is given production (PRODUCTION)" in str(one) for one in result["warnings"])
    production.rows("DELETE FROM ingest_lock", "library")
    place.adds("\ntime.sleep(600)")
    told = refusal(command=locking(timeout=3), cleanup=UNLOCK, force=True, **given)
    assert "the SQL of `cleanup:` in production was run" in told
    assert production.rows("SELECT id FROM ingest_lock", "library") == []


def test_a_cleanup_that_fails_is_told_beside_why_the_loader_was_ended(refusal, place):
    place.adds("time.sleep(600)")
    failing = {"argv": ["sh", "-c", "echo locked by $TOKEN; exit 4"], "secrets": {"TOKEN": "most-secret"}}
    told = refusal(command=place.command(timeout=2), cleanup=failing)
    assert "did not end within 2 s" in told
    assert "failed: exit code 4: locked by ***; put right by hand what the loader left" in told
    assert "is either `argv:` or `sql:`" in refusal(cleanup={"server": "staging"})
    assert "no-such-cleanup is not there" in refusal(cleanup={"argv": ["no-such-cleanup"]})


def test_no_secret_is_in_a_result_a_message_or_the_log(load, place):
    place.adds("print(os.environ['LIBRARY'], os.environ['TOKEN'])")
    command = place.command()
    command["secrets"]["TOKEN"] = "most-secret"
    result = load(command=command)
    assert result["changed"], result.get("msg")
    place.adds("\nprint('ERROR at', os.environ['LIBRARY'], os.environ['TOKEN'])")
    failed = load(command=command, force=True)
    assert "ERROR at" in failed["msg"]
    for text in (shown(result), shown(failed), place.log):
        assert "only-for-tests" not in text
        assert "most-secret" not in text


def test_a_password_where_it_would_be_seen_is_refused(refusal, place, staging):
    told = refusal(command={"argv": ["echo", staging.dsn()]})
    assert "argument 1 of the loader holds the secret of reingest_staging_dsn" in told
    assert "variable LIBRARY holds the secret" in refusal(
        command={"argv": ["true"], "environment": {"LIBRARY": place.dsn}}
    )


def test_what_can_be_known_before_the_loader_runs_is_refused_before_it(refusal, place, production, staging):
    assert "name the release" in refusal(release="")
    assert "no-such-loader is not there" in refusal(command={"argv": ["no-such-loader"]})
    assert "directory /nowhere is not there" in refusal(command={"argv": ["true"], "directory": "/nowhere"})
    assert "fatal pattern '(' is no regular expression" in refusal(fatal=["("])
    assert "either a `command:` or a `job:`" in refusal(command=None)
    same = {"production_dsn": staging.dsn(), "first": False}
    staging.rows("CREATE DATABASE library")
    assert "are the same server" in refusal(**same)
    place.dataset.write_text(place.dataset.read_text().replace("  loan: {owner: portal}\n", ""))
    assert "table loan has no owner in" in refusal()
    assert not list(place.work.glob("*/loader.log")), "the loader ran"


def test_a_loader_that_filled_another_database_is_told_so(refusal, place, staging):
    place.dataset.write_text(place.dataset.read_text().replace("schema: schema.sql\n", ""))
    place.script.write_text("print('done')")
    message = refusal()
    assert "ended well and database library has no table author, book, loan" in message
    assert "does its connection string name that database" in message


def test_a_loader_that_makes_its_tables_itself_needs_no_schema(load, place, staging):
    place.dataset.write_text(place.dataset.read_text().replace("schema: schema.sql\n", ""))
    schema = (place.folder / "schema.sql").read_text()
    made = place.script.read_text().replace(
        "    cursor.execute(", f"    cursor.execute({schema!r})\n    cursor.execute(", 1
    )
    place.script.write_text(made)
    assert load()["tables"]["book"]["loaded"] == 10


def test_a_loader_may_go_on_in_the_database_that_is_there(load, refusal, place, staging):
    assert "has no database library" in refusal(fresh=False)
    assert load()["changed"]
    place.script.write_text(
        place.script.read_text()
        .replace("(1, 'Ada'), (2, 'Jane')", "(3, 'Mary')")
        .replace("generate_series(1, 10)", "generate_series(11, 15)")
    )
    result = load(fresh=False, apply_schema=False, release="r2")
    assert result["tables"]["book"]["loaded"] == 15, result
    assert staging.rows("SELECT release FROM reingest.load", "library") == [("r2",)]


def test_a_second_load_is_refused_while_the_loader_runs(refusal, staging):
    holder = staging.connect()
    try:
        with holder.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(7235419186024011361)")
        assert "is under way" in refusal()
    finally:
        holder.close()


def test_a_transform_that_reads_what_the_portals_users_write_is_refused_unless_it_runs_again(
    load, refusal, place, staging
):
    text = "UPDATE book SET title = 'lent' WHERE id IN (SELECT book FROM loan);"
    (place.folder / "lent.sql").write_text(text)
    place.dataset.write_text(f"{place.dataset.read_text()}transform: [lent.sql]\n")
    assert "lent.sql reads loan, which the portal's users write" in refusal()
    place.dataset.write_text(f"{place.dataset.read_text()}transform_again: [lent.sql]\n")
    result = load()
    assert result["changed"], result.get("msg")
    assert staging.rows("SELECT name, script FROM reingest.load_transform", "library") == [("lent.sql", text)]
