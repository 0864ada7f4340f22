"""What every case has: the server, the files, a result that is checked, and a sample of what it cost."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from bench.load.measure import Cost
from bench.load.records import TABLE
from bench.load.server import Server

_TOTALS = f"SELECT count(*), sum(file_size_bytes), sum(length(name)), count(latitude) FROM {TABLE}"
_CONTENT = (
    f"SELECT sum(hashtextextended((id, name, depth_cm, runs, file_size_bytes, latitude, longitude, collected,"
    f" modified, ecosystem, released)::text, 0)) FROM {TABLE}"
)


@dataclass(frozen=True)
class Data:
    """The files of so many rows."""

    folder: Path
    rows: int

    def file(self, extension):
        return self.folder / f"{TABLE}.{extension}"

    @cached_property
    def totals(self):
        read = json.loads((self.folder / "totals.json").read_text())
        return (read["rows"], read["size"], read["names"], read["placed"])


@dataclass(frozen=True)
class Sample:
    """One run of one case: the seconds that count, what the whole program cost, and its own parts of it."""

    seconds: float
    cost: Cost
    parts: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Bench:
    """One server and the files; ``small`` has a quarter of the rows."""

    server: Server
    data: Data
    small: Data
    sample: Data

    def check(self, database, data, *, whole):
        """End the benchmark unless the table holds these rows, with ``whole`` every value as the floor's."""
        found = tuple(int(value) for value in self.server.rows(_TOTALS, database)[0])
        if found != data.totals:
            raise SystemExit(f"{database}: rows and sums are {found}, not {data.totals}")
        if whole:
            found, floor = (self.server.rows(_CONTENT, name)[0] for name in (database, FLOOR))
            if found != floor:
                raise SystemExit(f"{database}: not every value is as in the floor's table")


FLOOR = "floor"
FOLDER = Path(__file__).parents[3] / "build/bench/data"
WORK = FOLDER.with_name("work")  # whose folders no other account may write
SAMPLE_ROWS = 100_000


def make_data(rows):
    """Return the files of so many rows, which are written where they are not complete."""
    folder = FOLDER / str(rows)
    command = [sys.executable, "-m", "bench.load.files", folder, str(rows)]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[2])
    return Data(folder, rows)
