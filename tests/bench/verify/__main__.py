"""Time what a load proves and what the gate reads, with the defaults: `make bench-verify`.

Each file of ``cases`` has its own cases. A round runs the floor, half of the cases, the floor, the others and
the floor; the floor of a round is the median of its three, and a ratio is to another case of the same round.
Writes build/bench/verify.json after each round, and prints the table of docs/speed.md, as does `--table`
alone from what was written. A case with a wrong result ends the benchmark.

REINGEST_BENCH_ROWS (6,000,000) and REINGEST_BENCH_ROUNDS (3) make it smaller; arguments name cases.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
sys.path[:1] = [str(ROOT / "tests"), str(ROOT / "tests/integration"), str(ROOT)]


from bench.load.__main__ import facts, say  # noqa: E402
from bench.load.context import FLOOR, Bench, make_data  # noqa: E402
from bench.load.floor import make_floor, run_floor  # noqa: E402
from bench.load.peers import restorable  # noqa: E402
from bench.load.records import schema  # noqa: E402
from bench.load.server import bench_server  # noqa: E402
from bench.verify.results import Results, markdown  # noqa: E402

ROWS = int(os.environ.get("REINGEST_BENCH_ROWS", "6000000"))
ROUNDS = int(os.environ.get("REINGEST_BENCH_ROUNDS", "3"))
TARGET = ROOT / "build/bench/verify.json"


def cases(names):
    """Return the cases of all files, or those of these names and what they are compared with."""
    files = sorted(path.stem for path in Path(__file__).with_name("cases").glob("*.py"))
    found = [case for file in files for case in importlib.import_module(f"bench.verify.cases.{file}").CASES]
    wanted = {*names, *(case.to for case in found if case.name in names)} if names else None
    return [case for case in found if wanted is None or case.name in wanted]


def run_round(bench, results, number, chosen):
    """Run everything once."""
    results.add_floor(number, run_floor(bench))
    bench.check(FLOOR, bench.data, whole=False)
    for at, case in enumerate(chosen):
        if at == len(chosen) // 2:
            results.add_floor(number, run_floor(bench))
        sample = case.run(bench)
        if case.database:
            bench.check(case.database, bench.data, whole=number == 0)
        results.add(number, case, sample)
        say(f"{case.name}: {sample.seconds:.1f} s")
    results.add_floor(number, run_floor(bench))


def main():
    if sys.argv[1:] == ["--table"]:
        print(markdown(json.loads(TARGET.read_text())))
        return
    chosen = cases(sys.argv[1:])
    say(f"writing {ROWS:,} rows in each format, where they are not there yet")
    data = make_data(ROWS)
    results = Results(ROWS)
    with bench_server() as server:
        bench = Bench(server, data, data, data)
        make_floor(bench, schema(indexes=False))
        restorable(bench)
        for number in range(ROUNDS):
            say(f"round {number + 1} of {ROUNDS}")
            run_round(bench, results, number, chosen)
            figures = {**results.figures(), **facts(bench)}
            TARGET.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n")
    print(markdown(figures))


if __name__ == "__main__":
    main()
