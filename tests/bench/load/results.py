"""From the samples of all rounds to the figures: medians, and ratios to the floor of the same round."""

from __future__ import annotations

from collections import defaultdict
from statistics import median

GOALS = {
    "csv_1": 1.05,
    "csv_2": 0.60,
    "csv_gz_1": 1.08,
    "jsonl_gz_1": 1.15,
    "jsonl_gz_2": 0.75,
    "parquet_2": 0.55,
}
AHEAD_OF = ("pg_restore_2", "pgcopydb")  # what end_to_end is to be ahead of
PEAK_MB = 150
GROWTH = 0.10


class Results:
    """The samples so far, by round; ``rows`` is what a case loads."""

    def __init__(self, rows):
        self._rows = rows
        self._floors = defaultdict(list)  # by round, (seconds, the server's CPU seconds) of each
        self._cases = defaultdict(dict)  # by name and round
        self._small = defaultdict(list)  # by name, with a quarter of the rows
        self._peers = defaultdict(dict)  # by name and round
        self._peer_rows = {}
        self._unavailable = {}

    def add_floor(self, number, floor):
        self._floors[number].append(floor)

    def add_case(self, number, name, sample):
        self._cases[name][number] = sample

    def add_small(self, name, sample):
        self._small[name].append(sample)

    def add_peer(self, number, name, sample, rows):
        self._peers[name][number] = sample
        self._peer_rows[name] = rows

    def add_unavailable(self, name, reason):
        self._unavailable[name] = reason

    def figures(self):
        """Return what ``load.json`` holds of the samples; times are wall time, CPU time where it says so."""
        cases = {name: self._case(samples) for name, samples in self._cases.items()}
        peers = {name: self._peer(name, samples) for name, samples in self._peers.items()}
        growth = {
            name: round(cases[name]["peak_mb"] / median(one.cost.peak_mb for one in small) - 1, 3)
            for name, small in self._small.items()
        }
        return {
            "floor_s": round(median(self._floor_s(number) for number in self._floors), 2),
            "floor_cpu_s": round(median(cpu for floors in self._floors.values() for _, cpu in floors), 2),
            "cases": cases,
            "peers": {
                **peers,
                **{name: {"unavailable": reason} for name, reason in self._unavailable.items()},
            },
            "end_to_end_to": self._compared("end_to_end"),
            "memory_growth_4x": max(growth.values(), default=None),
            "memory_growth_4x_of": growth,
            "goals": {**GOALS, "end_to_end_to": 1, "peak_mb": PEAK_MB, "memory_growth_4x": GROWTH},
            "missed": _missed(cases, self._compared("end_to_end"), growth),
            "rows": self._rows,
            "rounds": len(self._floors),
        }

    def _floor_s(self, number):
        return median(seconds for seconds, _ in self._floors[number])

    def _compared(self, name):
        """Return the ratio of a case to each tool that does the whole, of the rounds that both ran in."""
        ours = self._cases.get(name, {})
        compared = {}
        for peer in AHEAD_OF:
            theirs = self._peers.get(peer, {})
            ratios = [ours[number].seconds / theirs[number].seconds for number in theirs if number in ours]
            if ratios:
                compared[peer] = round(median(ratios), 3)
        return compared

    def _case(self, samples):
        parts = {part: None for sample in samples.values() for part in sample.parts}
        return {
            **self._figures(samples, 1),
            "program_s": round(median(one.cost.wall_s for one in samples.values()), 2),
            "parts_s": {
                part: round(median(one.parts.get(part, 0) for one in samples.values()), 2) for part in parts
            },
        }

    def _peer(self, name, samples):
        rows = self._peer_rows[name]
        figures = self._figures(samples, self._rows / rows)
        return {**figures, "rows": rows, "extrapolated": rows != self._rows}

    def _figures(self, samples, scale):
        """Return the figures of one case, whose times are multiplied by ``scale`` to be those of all rows."""
        seconds = median(one.seconds for one in samples.values()) * scale
        ratios = [one.seconds * scale / self._floor_s(number) for number, one in samples.items()]
        costs = [one.cost for one in samples.values()]
        return {
            "median_s": round(seconds, 2),
            "ratio": round(median(ratios), 3),
            "ratios": [round(ratio, 3) for ratio in ratios],
            "peak_mb": round(median(cost.peak_mb for cost in costs), 1),
            "cpu_s": round(median(cost.cpu_s for cost in costs) * scale, 2),
            "server_cpu_s": round(median(cost.server_cpu_s for cost in costs) * scale, 2),
            "rows_s": round(self._rows / seconds),
            "rounds": len(samples),
        }


def _missed(cases, end_to_end_to, growth):
    """Return the goals that are not reached, each as a sentence."""
    return [
        *(
            f"{name}: {cases[name]['ratio']} of the floor, not {goal}"
            for name, goal in GOALS.items()
            if name in cases and cases[name]["ratio"] > goal
        ),
        *(f"end_to_end: {ratio} of {peer}" for peer, ratio in end_to_end_to.items() if ratio >= 1),
        *(f"{name}: {case['peak_mb']} MB" for name, case in cases.items() if case["peak_mb"] >= PEAK_MB),
        *(f"{name}: memory grows by {rate:.0%}" for name, rate in growth.items() if rate >= GROWTH),
    ]
