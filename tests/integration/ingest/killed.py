"""Loads that are held at a chosen point, and killed there; and what a database holds, to compare."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from integration.ingest.portal_dataset import SCHEMA
from integration.ingest.sources_load import DEFAULTS
from waiting import wait_for

ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from plugins.modules import ingest_load
from plugins.module_utils.runner import Call
print("started", flush=True)
ingest_load.load(Call(__import__("json").loads(sys.argv[2]), check=False, dry_run=False))
"""
# A row that names the gate holds whoever touches it there, while `Gate.shut`. Editions count by themselves.
GATED = (
    SCHEMA
    + """
CREATE FUNCTION pass_gate() RETURNS boolean LANGUAGE plpgsql VOLATILE AS
    $$ BEGIN LOCK TABLE pg_shdescription IN SHARE UPDATE EXCLUSIVE MODE; RETURN true; END $$;
CREATE FUNCTION gate(given text, at text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
    $$ BEGIN IF given = at THEN PERFORM public.pass_gate(); END IF; RETURN true; END $$;
CREATE TABLE edition (
    id serial PRIMARY KEY,
    book_id bigint REFERENCES book,
    note text CHECK (gate(note, 'copy'))
);
CREATE INDEX edition_gate ON edition (gate(note, 'index'));
CREATE TABLE version (v text);
INSERT INTO version VALUES ('42');
"""
)
TABLES = """  edition:
    owner: source
    from: edition.csv
    columns: {book_id: book_id, note: note}
  version: {owner: schema}
"""
_CATALOG = """
SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid) || convalidated,
       obj_description(oid, 'pg_constraint')
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT 'index', indrelid::regclass::text, indexrelid::regclass::text, pg_get_indexdef(indexrelid),
       indisvalid || coalesce(obj_description(indexrelid, 'pg_class'), '')
FROM pg_index JOIN pg_class ON pg_class.oid = indrelid WHERE relnamespace = 'public'::regnamespace
UNION ALL
SELECT 'sequence', sequencename, NULL, last_value::text, NULL FROM pg_sequences WHERE schemaname = 'public'
UNION ALL
SELECT 'table', relname, relpersistence::text, NULL, NULL FROM pg_class
WHERE relnamespace IN ('public'::regnamespace, 'reingest'::regnamespace) AND relkind = 'r'
UNION ALL
SELECT 'count', name, NULL, concat_ws('|', owner, read, loaded, duplicates, orphans, rejected), NULL
FROM reingest.load_table
ORDER BY 1, 2, 3
"""
_FILES = "SELECT oid::regclass::text, relfilenode FROM pg_class WHERE relname = ANY (%(names)s)"


def gated(portal, editions):
    """Give the portal its gated table; ``editions`` are pairs of a book and a note."""
    portal.schema(GATED)
    portal.change("checks:", f"{TABLES}checks:")
    write_editions(portal, editions)


def write_editions(portal, editions):
    lines = "".join(f"{book},{note}\n" for book, note in editions)
    (portal.sources / "edition.csv").write_text(f"book_id,note\n{lines}")


def content(server, database="library"):
    """Return all that a load makes of a database: catalog, sequences, counts, and a sum of each table."""
    sums = []
    for (name,) in server.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", database):
        query = f"SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM public.{name} t"
        sums.append((name, *server.rows(query, database)[0]))
    return server.rows(_CATALOG, database), sorted(sums)


def files(server, *names):
    """Return the file of each table: another one means that the table was filled again."""
    return dict(server.rows(_FILES, "library", names=list(names)))


def filled(server):
    """Return the tables that the unfinished load has filled."""
    return {name for (name,) in server.rows("SELECT name FROM reingest.resume_table", "library")}


@contextmanager
def shut(server):
    """Shut the gate; closing the connection that this gives opens it. All databases share its table.

    It is no lock that a session's start or DROP DATABASE waits for.
    """
    connection = server.connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("LOCK TABLE pg_shdescription IN SHARE UPDATE EXCLUSIVE MODE")
        yield connection
    finally:
        connection.close()


@contextmanager
def loading(portal, server, *, run="run-1", **params):
    """Start a load in a process of its own; at the end it is killed, if it still runs."""
    given = {
        **DEFAULTS,
        "dataset": str(portal.dataset),
        "staging_dsn": server.dsn(),
        "first": True,
        "run": run,
        "operator": "0000-0002-1825-0097",
        "work": str(portal.folder / "work"),
        "jobs": 2,
        **params,
    }
    paths = [str(ROOT)]
    command = [sys.executable, "-c", PROGRAM, *paths, json.dumps(given)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "started\n"
            yield process
        finally:
            process.send_signal(signal.SIGKILL)


def held(server, like):
    """Return the server processes of a load that wait for a lock in such a statement."""
    query = (
        "SELECT pid FROM pg_stat_activity WHERE datname = 'library' AND wait_event_type = 'Lock'"
        " AND query LIKE %(like)s AND pid <> pg_backend_pid()"
    )
    return [pid for (pid,) in server.rows(query, like=like)]


def kill_when_held(portal, server, like, *, done=(), **params):
    """Kill a load that waits in such a statement and has filled these tables; return what waits on."""
    with loading(portal, server, **params):
        wait_for(lambda: held(server, like) and set(done) <= filled(server), f"{like} with {done} filled")
        return held(server, like)
