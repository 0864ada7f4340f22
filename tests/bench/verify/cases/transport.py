"""The proof of content: what was sent is what is stored, with exactly the default, and without it."""

from __future__ import annotations

from functools import partial

from bench.load.cases import DATABASE, run_case
from bench.load.cases import Case as Load
from bench.load.peers import PEER, run_pg_restore
from bench.verify.case import FLOOR, Case


def load(name, extension, streams, goal, *, prove="content", whole=False):
    """Return the case of a load; one of the whole program is compared with pg_restore."""
    loaded = Load(name, extension, streams, prove=prove, whole=whole)
    to = "pg_restore_2" if whole else FLOOR
    return Case(name, partial(_run, loaded), to=to, goal=goal, database=DATABASE)


def _run(loaded, bench):
    bench.server.drop(PEER)
    return run_case(bench, loaded, bench.data)


def _restore(bench):
    bench.server.drop(DATABASE)
    return run_pg_restore(bench)


CASES = (
    load("csv_1", "csv", 1, 1.7),
    load("csv_2", "csv", 2, 1.4),
    load("jsonl_gz_1", "jsonl.gz", 1, None),
    load("parquet_2", "parquet", 2, 1.05),
    load("jsonl_gz_1_counts", "jsonl.gz", 1, 1.15, prove="counts"),
    load("end_to_end", "csv", 2, 1.35, whole=True),
    Case("pg_restore_2", _restore, database=PEER),
    load("end_to_end_counts", "csv", 2, 0.95, prove="counts", whole=True),
)
