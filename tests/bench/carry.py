"""Time the carrying of users' rows against the floor and against what the field does.

`make bench-carry`. Two servers; a table of downloads with two indexes and a foreign key, ROWS rows
(1,000,000). In each round, one after the other:

- `carry_over`: fence, take, copy on the volume, put, orphans, keys, proof, as a switch calls it;
- `pipe`: binary COPY through psql into the same table without its indexes and reference, which are built
  afterwards;
- `pg_dump`: `pg_dump -Fc -t | pg_restore`;
- `merge`: a client that inserts and commits row by row, of MERGED rows (100,000).

Before there are rows, `carry_over` is timed without any. Prints, and writes to build/bench/carry.json,
medians in rows/s, the ratio of each round to its pipe, where the time of `carry_over` goes, what it takes
without rows, and the most memory that its process took.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests/integration")]

import psycopg2  # noqa: E402 - the paths come first
from clusters import as_unprivileged, programs, unprivileged  # noqa: E402
from deployment import free_port  # noqa: E402
from integration.conftest import PASSWORD, Server  # noqa: E402

from plugins.module_utils.reingest.carry.carry_over import Servers, carry_over  # noqa: E402
from plugins.module_utils.reingest.carry.fence import control_session, lift_fence  # noqa: E402
from plugins.module_utils.reingest.volume.layout import Volume  # noqa: E402

ROWS = int(os.environ.get("ROWS", "1000000"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
MERGED = min(ROWS, int(os.environ.get("MERGED", "100000")))  # each is a commit, on disk
WITHOUT_ROWS = 7  # times
OBJECTS = 10_000
DATABASE = "portal"
SCHEMA = """
CREATE TABLE data_object (id text PRIMARY KEY);
INSERT INTO data_object SELECT 'emsl:output_' || n FROM generate_series(1, %(objects)s) n;
CREATE TABLE file_download (
    id bigserial PRIMARY KEY, data_object_id text NOT NULL, at timestamptz NOT NULL, ip inet, orcid text,
    user_agent text
);
CREATE SCHEMA reingest;
CREATE TABLE reingest.load (snapshot text);
CREATE TABLE reingest.load_table (name text PRIMARY KEY, owner text NOT NULL, orphans_policy text);
INSERT INTO reingest.load_table VALUES
    ('data_object', 'source', NULL), ('file_download', 'portal', 'quarantine');
"""
FILL = """
INSERT INTO file_download (data_object_id, at, ip, orcid, user_agent)
SELECT 'emsl:output_' || 1 + n %% %(objects)s, now() - n * interval '1 second', '192.0.2.1',
       '0000-0002-1825-0097', 'Mozilla/5.0 (X11; Linux x86_64) portal/' || n %% 50
FROM generate_series(1, %(rows)s) n
"""
KEYS = """
CREATE INDEX file_download_object ON file_download (data_object_id);
CREATE INDEX file_download_at ON file_download (at);
ALTER TABLE file_download
    ADD CONSTRAINT file_download_object_fk FOREIGN KEY (data_object_id) REFERENCES data_object;
"""
OFF = """
ALTER TABLE file_download DROP CONSTRAINT IF EXISTS file_download_object_fk;
DROP INDEX IF EXISTS file_download_object; DROP INDEX IF EXISTS file_download_at; TRUNCATE file_download;
"""


def make_server(root, number):
    """Make and start a server whose writes are on disk when it says so."""
    data = root / f"server-{number}"
    server = Server(programs(16, root), data, free_port(), as_unprivileged(), "on")
    password = root / "password"
    password.write_text(PASSWORD)
    password.chmod(0o644)
    options = [
        "--username=postgres",
        "--auth=scram-sha-256",
        f"--pwfile={password}",
        "--encoding=UTF8",
        "--locale=C",
    ]
    server.run("initdb", "--no-sync", *options, "-D", data)
    server.start()
    server.rows(f"CREATE DATABASE {DATABASE}")
    server.rows(SCHEMA, DATABASE, objects=OBJECTS)
    return server


def carried(live, new, volume, rows):
    """Return the seconds of a whole call, and of its steps; production is open again afterwards."""
    servers = Servers(live.dsn(), new.dsn(), DATABASE)
    began = time.monotonic()
    result = carry_over(volume, servers, live=live.data, run="bench")
    taken = time.monotonic() - began
    assert dict(result.rows) == {"file_download": rows}, result
    with closing(control_session(live.dsn())) as control:
        lift_fence(control, DATABASE)
    return taken, dict(result.seconds)


def piped(live, new):
    began = time.monotonic()
    new.rows(OFF, DATABASE)
    psql = f"'{live.binaries}/psql' -X -q -v ON_ERROR_STOP=1"
    out, into = live.dsn(DATABASE), new.dsn(DATABASE)
    command = (
        f"{psql} '{out}' -c 'COPY file_download TO STDOUT (FORMAT binary)' |"
        f" {psql} '{into}' -c 'COPY file_download FROM STDIN (FORMAT binary)'"
    )
    subprocess.run(["/bin/sh", "-c", command], check=True)
    new.rows(KEYS, DATABASE)
    new.rows("CHECKPOINT", DATABASE)
    return time.monotonic() - began


def dumped(live, new):
    new.rows("DROP TABLE file_download", DATABASE)
    began = time.monotonic()
    command = (
        f"'{live.binaries}/pg_dump' -Fc -t file_download '{live.dsn(DATABASE)}' |"
        f" '{live.binaries}/pg_restore' --exit-on-error -d '{new.dsn(DATABASE)}'"
    )
    subprocess.run(["/bin/sh", "-c", command], check=True)
    new.rows("CHECKPOINT", DATABASE)
    return time.monotonic() - began


def merged(live, new):
    new.rows("TRUNCATE file_download", DATABASE)
    insert = "INSERT INTO file_download VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO NOTHING"
    with (
        closing(psycopg2.connect(live.dsn(DATABASE))) as take,
        closing(psycopg2.connect(new.dsn(DATABASE))) as put,
    ):
        began = time.monotonic()
        with take.cursor("rows") as rows, put.cursor() as cursor:
            rows.execute("SELECT * FROM file_download LIMIT %s", (MERGED,))
            for row in rows:
                cursor.execute(insert, row)
                put.commit()
        return time.monotonic() - began


def main():
    root = Path(tempfile.mkdtemp(prefix="reingest-bench-", dir="/var/tmp"))
    root.chmod(0o755)
    account = unprivileged()
    os.chown(root, account.pw_uid, account.pw_gid)
    servers = [make_server(root, number) for number in range(2)]
    try:
        live, new = servers
        volume = Volume(root / "volume")
        volume.root.mkdir()
        for server in servers:
            server.rows(KEYS, DATABASE)
        empty = [carried(live, new, volume, 0) for _ in range(WITHOUT_ROWS)]
        live.rows(OFF, DATABASE)
        live.rows(FILL, DATABASE, objects=OBJECTS, rows=ROWS)
        live.rows(KEYS, DATABASE)
        live.rows("VACUUM (FREEZE, ANALYZE)", DATABASE)
        for server in servers:
            server.rows("CHECKPOINT", DATABASE)
        report = measure(live, new, volume)
        report["seconds_without_rows"] = round(statistics.median(taken for taken, _ in empty), 3)
        report["steps_without_rows"] = median_steps([steps for _, steps in empty], 3)
    finally:
        for server in servers:
            if server.running:
                server.stop("immediate")
        shutil.rmtree(root)
    target = ROOT / "build/bench/carry.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


def median_steps(steps, digits):
    return {name: round(statistics.median(parts[name] for parts in steps), digits) for name in steps[0]}


def measure(live, new, volume):
    times = {"carry_over": [], "pipe": [], "pg_dump": [], "merge": []}
    steps = []
    for _ in range(ROUNDS):
        taken, parts = carried(live, new, volume, ROWS)
        times["carry_over"].append(taken)
        steps.append(parts)
        times["pipe"].append(piped(live, new))
        times["pg_dump"].append(dumped(live, new))
        times["merge"].append(merged(live, new) * ROWS / MERGED)
    ratios = {
        name: statistics.median(one / pipe for one, pipe in zip(found, times["pipe"]))
        for name, found in times.items()
    }
    return {
        "rows": ROWS,
        "rounds": ROUNDS,
        "rows_per_second": {name: round(ROWS / statistics.median(found)) for name, found in times.items()},
        "seconds": {name: round(statistics.median(found), 2) for name, found in times.items()},
        "times_the_pipe": {name: round(ratio, 2) for name, ratio in ratios.items()},
        "merge_times_carry_over": round(
            statistics.median(one / ours for one, ours in zip(times["merge"], times["carry_over"])), 1
        ),
        "steps_of_carry_over": median_steps(steps, 2),
        "most_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


if __name__ == "__main__":
    main()
