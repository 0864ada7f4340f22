"""Our own cases: the real module in a process of its own, one table from one file."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench.load.context import WORK, Sample
from bench.load.measure import run
from bench.load.records import FIELDS, TABLE, schema

DATABASE = "reingest_bench"
_MODULE = Path(__file__).with_name("module_process.py")


@dataclass(frozen=True)
class Case:
    """One load. ``streams`` of its one source; ``whole`` counts the whole program, else the copy alone.

    It runs in all rounds, or in so many of them.
    """

    name: str
    extension: str
    streams: int
    prove: str = "counts"
    whole: bool = False
    rounds: int | None = None


CASES = (
    Case("csv_1", "csv", 1),
    Case("csv_2", "csv", 2),
    Case("csv_gz_1", "csv.gz", 1),
    Case("jsonl_gz_1", "jsonl.gz", 1),
    Case("jsonl_gz_2", "jsonl.gz", 2),
    Case("parquet_2", "parquet", 2),
    Case("end_to_end", "csv", 2, whole=True),
)


def run_case(bench, case, data):
    """Load the database anew and return the sample; its table is then there to be checked."""
    dataset = _write_dataset(bench, case, data)
    bench.server.drop(DATABASE)
    bench.server.settle()
    options = {
        "dataset": str(dataset),
        "staging_dsn": bench.server.url(),
        "first": True,
        "run": "bench",
        "operator": "0000-0002-1825-0097",
        "force": True,
        "prove": case.prove,
        "jobs": case.streams,
        "work": str(WORK),
    }
    began = time.monotonic()
    output, cost = run([sys.executable, _MODULE], bench.server.pid, stdin=json.dumps(options))
    bench.server.checkpoint()
    seconds = time.monotonic() - began
    parts = json.loads(output)["step"]["detail"]["seconds"]
    return Sample(seconds if case.whole else parts["copy"], cost, parts)


def _write_dataset(bench, case, data):
    folder = bench.server.root / "dataset"
    folder.mkdir(exist_ok=True)
    (folder / "schema.sql").write_text(schema(indexes=case.whole))
    columns = ", ".join(f"{name}: {name}" for name in FIELDS)
    path = folder / "dataset.yml"
    path.write_text(
        f"database: {DATABASE}\n"
        "schema: schema.sql\n"
        f"sources: {data.folder}\n"
        "tables:\n"
        f"  {TABLE}:\n"
        "    owner: source\n"
        f"    from: {data.file(case.extension).name}\n"
        f"    columns: {{{columns}}}\n"
    )
    return path
