"""``make test-matrix``: the versions at both ends of what is promised, each in an environment of its own.

Usage: ``python tests/matrix [ROW ...]``. An interpreter is the one that ``REINGEST_PYTHON_3_9`` (and so on)
names, or ``python3.9`` on the path, or pyenv's. A row whose interpreter is not there is NOT RUN, which is a
failure where ``CI`` is set.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests/integration"), str(ROOT / "tests/matrix")]

from environments import Environment, environment, interpreter  # noqa: E402 - the paths come first
from rows import controller, hosts, units  # noqa: E402


@dataclass(frozen=True)
class Row:
    """What is tried, with which Python, and what is installed for that."""

    name: str
    python: str
    requirements: str  # the file beside this one, locked with digests
    tried: Callable[[Environment], None]


ROWS = (
    Row("units-3.9", "3.9", "python3.9.txt", units),
    Row("hosts-3.9", "3.9", "python3.9.txt", hosts),
    Row("controller-oldest", "3.11", "controller-oldest.txt", controller),
    Row("controller-newest", "3.13", "controller-newest.txt", controller),
)


def main() -> int:
    """Run the rows that are named, or all; return the exit code."""
    chosen = [row for row in ROWS if row.name in sys.argv[1:]] if sys.argv[1:] else list(ROWS)
    unknown = set(sys.argv[1:]) - {row.name for row in ROWS}
    if unknown:
        print(f"there is no row {', '.join(sorted(unknown))}: {', '.join(row.name for row in ROWS)}")
        return 2
    failed = [row.name for row in chosen if not _passes(row)]
    print(
        f"matrix: {len(chosen) - len(failed)} of {len(chosen)} rows" + (f", not {failed}" if failed else "")
    )
    return 1 if failed else 0


def _passes(row: Row) -> bool:
    found = interpreter(row.python)
    if found is None:
        variable = f"REINGEST_PYTHON_{row.python.replace('.', '_')}"
        print(f"matrix: {row.name}: NOT RUN, there is no Python {row.python}: install it, or set {variable}")
        return not os.environ.get("CI")
    began = time.monotonic()
    try:
        made = environment(ROOT / "build/matrix" / row.name, found, row.requirements)
        row.tried(made)
    except AssertionError as error:
        print(f"{error}\nmatrix: {row.name}: FAILED", flush=True)
        return False
    print(f"matrix: {row.name}: passed in {time.monotonic() - began:.0f} s, {made.versions()}", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
