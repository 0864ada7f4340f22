"""The profile of a table of 11 columns by one process of the server, and the merge of its sorted keys.

The figure of both is the server's CPU; the goal of the first is a million rows a second.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[4]
if __name__ == "__main__":
    sys.path[:1] = [str(ROOT / "tests"), str(ROOT / "tests/integration"), str(ROOT)]

from bench.load.context import FLOOR, Sample  # noqa: E402
from bench.load.measure import run  # noqa: E402
from bench.load.records import TABLE  # noqa: E402
from bench.verify.case import Case  # noqa: E402
from psycopg2 import sql  # noqa: E402

from plugins.module_utils.reingest.postgres.session import pinned_reading  # noqa: E402
from plugins.module_utils.reingest.profile.keys import merged_keys, sorted_keys  # noqa: E402
from plugins.module_utils.reingest.profile.scan import prepare_session, scan_table  # noqa: E402
from plugins.module_utils.reingest.profile.shape import read_shapes  # noqa: E402

ROWS = int(os.environ.get("REINGEST_BENCH_ROWS", "6000000"))


def profile(dsn):
    """Read the floor's table once, and return its rows."""
    with pinned_reading(dsn, FLOOR) as connection:
        prepare_session(connection, 0)
        return scan_table(connection, read_shapes(connection)[TABLE]).rows


def keys(dsn):
    """Merge the floor's keys with themselves, over two sessions, and return how many both have."""
    key = [sql.Identifier("c", "id")]
    with pinned_reading(dsn, FLOOR) as one, pinned_reading(dsn, FLOOR) as other:
        return merged_keys(
            *(sorted_keys(session, sql.Identifier("public", TABLE), key) for session in (one, other))
        ).both


def _run(what, bench):
    output, cost = run([sys.executable, __file__, what, bench.server.url()], bench.server.pid)
    if int(output) != bench.data.rows:
        raise SystemExit(f"{what}: {output.strip()} rows, not {bench.data.rows}")
    return Sample(cost.server_cpu_s, cost)


CASES = (
    Case("profile_1", partial(_run, "profile"), to="", goal=ROWS / 1e6),
    Case("keys", partial(_run, "keys"), to=""),
)

if __name__ == "__main__":
    print({"profile": profile, "keys": keys}[sys.argv[1]](sys.argv[2]))
