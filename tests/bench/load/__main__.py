"""Time the load of one big table against the server's own COPY and against other tools: `make bench-load`.

Each round runs every case once: the floor, our cases, the floor, the others, the floor; the floor of a round
is the median of its three. Writes build/bench/load.json after each round, and prints the tables of
docs/speed.md, as does `--table` alone from what was written. A case with a wrong result ends the benchmark.

REINGEST_BENCH_ROWS (6,000,000) and REINGEST_BENCH_ROUNDS (5) make it smaller.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
sys.path[:1] = [str(ROOT / "tests"), str(ROOT / "tests/integration"), str(ROOT)]


from bench.load.cases import CASES, DATABASE, run_case  # noqa: E402
from bench.load.context import FLOOR, SAMPLE_ROWS, Bench, make_data  # noqa: E402
from bench.load.floor import make_floor, run_floor  # noqa: E402
from bench.load.peers import PEER, PEERS, prepare  # noqa: E402
from bench.load.records import schema  # noqa: E402
from bench.load.results import GOALS, Results  # noqa: E402
from bench.load.server import bench_server  # noqa: E402
from bench.load.table import markdown  # noqa: E402

ROWS = int(os.environ.get("REINGEST_BENCH_ROWS", "6000000"))
ROUNDS = int(os.environ.get("REINGEST_BENCH_ROUNDS", "5"))
SMALL_ROUNDS = 2  # with a quarter of the rows, for what memory does
TARGET = ROOT / "build/bench/load.json"


def run_round(bench, results, number, peers):
    """Run everything once; the first round compares every value, the others rows and sums."""
    whole = number == 0
    results.add_floor(number, run_floor(bench))
    bench.check(FLOOR, bench.data, whole=False)
    for case in CASES:
        if case.rounds is not None and number >= case.rounds:
            continue
        sample = run_case(bench, case, bench.data)
        bench.check(DATABASE, bench.data, whole=whole)
        results.add_case(number, case.name, sample)
        say(f"{case.name}: {sample.seconds:.1f} s")
        if case.name in GOALS and number < SMALL_ROUNDS:
            results.add_small(case.name, run_case(bench, case, bench.small))
            bench.check(DATABASE, bench.small, whole=False)
    bench.server.drop(DATABASE)
    results.add_floor(number, run_floor(bench))
    for peer in peers:
        if peer.rounds is None or number < peer.rounds:
            data = getattr(bench, peer.data)
            sample = peer.run(bench)
            bench.check(PEER, data, whole=whole and data == bench.data)
            results.add_peer(number, peer.name, sample, data.rows)
            say(f"{peer.name}: {sample.seconds:.1f} s")
    bench.server.drop(PEER)
    results.add_floor(number, run_floor(bench))


def facts(bench):
    """Return what the figures were taken on."""
    return {
        "csv_bytes": bench.data.file("csv").stat().st_size,
        "server": bench.server.version(),
        "settings": bench.server.settings(),
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores",
    }


def say(text):
    print(text, file=sys.stderr, flush=True)


def main():
    if sys.argv[1:] == ["--table"]:
        print(markdown(json.loads(TARGET.read_text())))
        return
    say(f"writing {ROWS:,} rows in each format, where they are not there yet")
    data, small, sample = (make_data(rows) for rows in (ROWS, ROWS // 4, min(SAMPLE_ROWS, ROWS)))
    results = Results(ROWS)
    with bench_server() as server:
        bench = Bench(server, data, small, sample)
        make_floor(bench, schema(indexes=False))
        missing = prepare(bench)
        for tool, reason in missing.items():
            results.add_unavailable(tool, reason)
            say(f"{tool} cannot be had: {reason}")
        for number in range(ROUNDS):
            say(f"round {number + 1} of {ROUNDS}")
            run_round(bench, results, number, [peer for peer in PEERS if peer.name not in missing])
            figures = {**results.figures(), **facts(bench)}
            TARGET.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n")
    print(markdown(figures))


if __name__ == "__main__":
    main()
