"""Time whether more sessions would carry the rows of several tables faster.

Two servers; TABLES tables (4) of downloads, ROWS rows (1,000,000) in all, each with two indexes and a foreign
key. In each of ROUNDS rounds, one after the other, without fence and commit:

- `forwards`: rows go into the load as they are taken, as a switch does it, sums beside it;
- `forwards, N taken ahead`: N sessions take tables into files, from which they are put;
- `back`: rows are kept in files, as the way back does it, sums beside it;
- `back, sums after`: the same with one session in all;
- `back, N sessions`: N sessions keep them.

Prints medians in seconds.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests/integration"), str(ROOT / "tests/bench")]

import carry  # noqa: E402 - the paths come first
from clusters import unprivileged  # noqa: E402

from plugins.module_utils.reingest.carry.catalogue import read_contract, read_portal_tables  # noqa: E402
from plugins.module_utils.reingest.carry.laps import Laps  # noqa: E402
from plugins.module_utils.reingest.carry.plan import plan_carry  # noqa: E402
from plugins.module_utils.reingest.carry.proof import sums_of  # noqa: E402
from plugins.module_utils.reingest.carry.put import Source, put_rows  # noqa: E402
from plugins.module_utils.reingest.carry.stream import copy_out, keep, kept, taken  # noqa: E402
from plugins.module_utils.reingest.postgres.session import pinned  # noqa: E402

TABLES = int(os.environ.get("TABLES", "4"))
ROWS = int(os.environ.get("ROWS", "1000000")) // TABLES
ROUNDS = int(os.environ.get("ROUNDS", "5"))


class Tables:
    """Both servers with the tables, and a folder for what is taken."""

    def __init__(self, live, new, folder):
        self.live, self.new, self.folder = live, new, folder
        with self.session(live) as take, self.session(new) as put:
            there = read_portal_tables(take, read_contract(take))
            self.units = plan_carry(there, there, "the load").units
            self.next = read_portal_tables(put, read_contract(put))

    def session(self, server):
        return closing(pinned(server.dsn(), carry.DATABASE, application_name="bench"))

    def file(self, unit):
        return self.folder / unit.table

    def kept_by(self, sessions, pool):
        """Begin to keep all units, by some sessions; returns when each is done."""
        left, done = queue.SimpleQueue(), {unit: threading.Event() for unit in self.units}
        for unit in self.units:
            left.put(unit)

        def work(session):
            while not left.empty():
                try:
                    unit = left.get_nowait()
                except queue.Empty:
                    return
                keep(session, copy_out(unit), self.file(unit))
                done[unit].set()

        return done, [pool.submit(work, session) for session in sessions]

    def forwards(self, ahead):
        with ExitStack() as stack:
            takes = [stack.enter_context(self.session(self.live)) for _ in range(max(1, ahead))]
            count, put = (stack.enter_context(self.session(one)) for one in (self.live, self.new))
            began = time.monotonic()
            pool = stack.enter_context(ThreadPoolExecutor(len(takes) + 1))
            summing = pool.submit(sums_of, count, self.units)
            source = Source(lambda unit: taken(takes[0], copy_out(unit), self.file(unit)), None)
            if ahead:
                done, _ = self.kept_by(takes, pool)
                source = Source(lambda unit: done[unit].wait() and kept(self.file(unit)), None)
            put_rows(put, self.units, self.next, source, counters=(), run="bench", laps=Laps())
            summing.result()
            put.rollback()
            return time.monotonic() - began

    def back(self, sessions, *, beside):
        with ExitStack() as stack:
            takes = [stack.enter_context(self.session(self.live)) for _ in range(sessions)]
            count = stack.enter_context(self.session(self.live)) if beside else takes[0]
            began = time.monotonic()
            pool = stack.enter_context(ThreadPoolExecutor(sessions + 1))
            summing = pool.submit(sums_of, count, self.units) if beside else None
            _, keeping = self.kept_by(takes, pool)
            for one in keeping:
                one.result()
            _ = summing.result() if summing else sums_of(count, self.units)
            return time.monotonic() - began


def schema():
    """Return the schema of `carry.py` with TABLES tables in place of its one, keys included."""
    names = [f"download_{number}" for number in range(TABLES)]
    objects, _, rest = carry.SCHEMA.partition("CREATE TABLE file_download")
    table, _, contract = f"CREATE TABLE file_download{rest}".partition("CREATE SCHEMA")
    owner = "('file_download', 'portal', 'quarantine')"
    each = ", ".join(owner.replace("file_download", name) for name in names)
    made = "".join((table + carry.KEYS).replace("file_download", name) for name in names)
    return names, f"{objects}{made}CREATE SCHEMA{contract.replace(owner, each)}"


def measure(tables):
    cases = {"forwards": partial(tables.forwards, 0)}
    cases |= {f"forwards, {n} taken ahead": partial(tables.forwards, n) for n in (1, 2)}
    cases |= {"back": partial(tables.back, 1, beside=True)}
    cases |= {"back, sums after": partial(tables.back, 1, beside=False)}
    cases |= {"back, 2 sessions": partial(tables.back, 2, beside=True)}
    times = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, case in cases.items():
            shutil.rmtree(tables.folder, ignore_errors=True)
            tables.folder.mkdir()
            times[name].append(case())
    return {name: round(statistics.median(found), 2) for name, found in times.items()}


def main():
    root = Path(tempfile.mkdtemp(prefix="reingest-bench-", dir="/var/tmp"))
    root.chmod(0o755)
    account = unprivileged()
    os.chown(root, account.pw_uid, account.pw_gid)
    names, carry.SCHEMA = schema()
    servers = [carry.make_server(root, number) for number in range(2)]
    try:
        live, new = servers
        for name in names:
            fill = carry.FILL.replace("file_download", name)
            live.rows(fill, carry.DATABASE, objects=carry.OBJECTS, rows=ROWS)
        live.rows("VACUUM (FREEZE, ANALYZE)", carry.DATABASE)
        for server in servers:
            server.rows("CHECKPOINT", carry.DATABASE)
        print(json.dumps(measure(Tables(live, new, root / "taken")), indent=1))
    finally:
        for server in servers:
            if server.running:
                server.stop("immediate")
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
