"""The proof by another reader: what it takes beside the copy whose content is proven, and all in all."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from bench.load.cases import DATABASE, run_case
from bench.load.cases import Case as Load
from bench.load.peers import PEER
from bench.verify.case import Case

READER_MB = 512  # what the reader's process may have


def reading(extension, to):
    """Return the case of a load whose copy and other reading are timed; it is compared with the copy's."""
    name = f"{to}_independent"
    loaded = Load(name, extension, int(to[-1]), prove="independent")
    return Case(name, partial(_run, loaded), to=to, database=DATABASE, most_mb=150 + READER_MB)


def _run(loaded, bench):
    bench.server.drop(PEER)
    sample = run_case(bench, loaded, bench.data)
    return replace(sample, seconds=sample.parts["copy"] + sample.parts["another reader"])


CASES = (
    reading("csv", "csv_1"),
    reading("csv", "csv_2"),
    reading("jsonl.gz", "jsonl_gz_1"),
    reading("parquet", "parquet_2"),
)
