"""The records as files, one of each format, made once and used again while complete.

Run with a folder and a number of rows; a process of its own, so that its memory is not the benchmark's.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path

import pyarrow
import pyarrow.parquet
from bench.load.records import COLUMNS, FIELDS, TABLE, records

ROW_GROUP = 100_000
_MADE_BY = ("records.py", "files.py")
_ARROW = {
    "text": pyarrow.string(),
    "integer": pyarrow.int32(),
    "bigint": pyarrow.int64(),
    "double precision": pyarrow.float64(),
    "date": pyarrow.date32(),
    "timestamptz": pyarrow.timestamp("us", tz="UTC"),
    "boolean": pyarrow.bool_(),
}


def write_csv(path, rows):
    """Write comma-separated text with a header; NULL is an empty field."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(FIELDS)
        for record in records(rows):
            writer.writerow((*record[:-1], "true" if record[-1] else "false"))


def write_csv_gz(path, rows):
    """Write the same, as gzip does by default: one member."""
    plain = path.with_suffix(".plain")
    write_csv(plain, rows)
    with plain.open("rb") as source, gzip.open(path, "wb", compresslevel=6) as target:
        shutil.copyfileobj(source, target, 1 << 20)
    plain.unlink()


def write_jsonl_gz(path, rows):
    """Write one JSON object a line."""
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    with gzip.open(path, "wb", compresslevel=6) as target:
        made = records(rows)
        while block := list(islice(made, 1_000)):
            lines = [encode(dict(zip(FIELDS, record))) for record in block]
            target.write(("\n".join(lines) + "\n").encode())


def write_parquet(path, rows):
    """Write typed columns, zstd, in groups of ``ROW_GROUP`` rows."""
    fields = [pyarrow.field(name, _ARROW[kind], null) for name, kind, null in COLUMNS]
    made = records(rows)
    with pyarrow.parquet.ParquetWriter(path, pyarrow.schema(fields), compression="zstd") as writer:
        while block := list(islice(made, ROW_GROUP)):
            columns = [
                pyarrow.array(values, pyarrow.string()).cast(field.type)
                if field.type in (_ARROW["date"], _ARROW["timestamptz"])
                else pyarrow.array(values, field.type)
                for field, values in zip(fields, zip(*block))
            ]
            writer.write_table(pyarrow.Table.from_arrays(columns, schema=writer.schema))


def write_totals(path, rows):
    """Write what every load of these records must hold."""
    size = names = placed = 0
    for record in records(rows):
        size += record[FIELDS.index("file_size_bytes")]
        names += len(record[FIELDS.index("name")])
        placed += record[FIELDS.index("latitude")] is not None
    path.write_text(json.dumps({"rows": rows, "size": size, "names": names, "placed": placed}))


WRITERS = {
    f"{TABLE}.csv": write_csv,
    f"{TABLE}.csv.gz": write_csv_gz,
    f"{TABLE}.jsonl.gz": write_jsonl_gz,
    f"{TABLE}.parquet": write_parquet,
    "totals.json": write_totals,
}


def write_files(folder, rows):
    """Write all files anew, unless they are complete and made by this version of the generator."""
    made_by = b"".join(Path(__file__).with_name(name).read_bytes() for name in _MADE_BY)
    version = hashlib.sha256(made_by).hexdigest()
    complete = folder / "complete"
    if complete.exists() and complete.read_text() == version:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with ProcessPoolExecutor() as pool:
        for written in [pool.submit(write, folder / name, rows) for name, write in WRITERS.items()]:
            written.result()
    complete.write_text(version)


if __name__ == "__main__":
    write_files(Path(sys.argv[1]), int(sys.argv[2]))
