"""The floor: the server itself copies the file. On one stream nothing that sends rows can be quicker."""

from __future__ import annotations

import os
import shutil
import time

from bench.load.context import FLOOR
from bench.load.measure import tree_cpu_s
from bench.load.records import TABLE


def make_floor(bench, script):
    """Make the floor's table, and the file where the server can read it."""
    bench.server.create(FLOOR, script)
    target = bench.server.root / "floor.csv"
    try:
        os.link(bench.data.file("csv"), target)
    except OSError:  # another file system
        shutil.copyfile(bench.data.file("csv"), target)


def run_floor(bench):
    """Copy the file into the emptied table by the server itself, and return the seconds and its CPU's."""
    bench.server.settle()
    with bench.server.cursor(FLOOR) as cursor:
        cpu_before = tree_cpu_s(bench.server.pid)
        began = time.monotonic()
        cursor.execute("BEGIN")
        cursor.execute(f"TRUNCATE {TABLE}")
        cursor.execute(
            f"COPY {TABLE} FROM %s WITH (FORMAT csv, HEADER true, FREEZE true)",
            (str(bench.server.root / "floor.csv"),),
        )
        cursor.execute("COMMIT")
        return time.monotonic() - began, tree_cpu_s(bench.server.pid) - cpu_before
