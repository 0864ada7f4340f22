"""From the samples of all rounds to the figures, and to the Markdown of docs/speed.md."""

from __future__ import annotations

from collections import defaultdict
from statistics import median

from bench.verify.case import FLOOR

_HEAD = (
    "| case | goal | figure | of | seconds | CPU s, client | CPU s, server | peak MB |",
    "|---|---|---|---|---|---|---|---|",
)


class Results:
    """The samples so far, by round; ``rows`` is what a case loads."""

    def __init__(self, rows):
        self._rows = rows
        self._floors = defaultdict(list)  # by round, (seconds, the server's CPU seconds) of each
        self._samples = defaultdict(dict)  # by name and round
        self._cases = {}

    def add_floor(self, number, floor):
        self._floors[number].append(floor)

    def add(self, number, case, sample):
        self._cases[case.name] = case
        self._samples[case.name][number] = sample

    def figures(self):
        """Return what ``verify.json`` holds of the samples; times are wall time unless it says CPU."""
        cases = {name: self._figures(case) for name, case in self._cases.items()}
        return {
            "rows": self._rows,
            "rounds": len(self._floors),
            "floor_s": round(median(self._floor_s(number) for number in self._floors), 2),
            "floor_cpu_s": round(median(cpu for floors in self._floors.values() for _, cpu in floors), 2),
            "cases": cases,
            "missed": _missed(cases),
        }

    def _floor_s(self, number):
        return median(seconds for seconds, _ in self._floors[number])

    def _figures(self, case):
        samples = self._samples[case.name]
        costs = [one.cost for one in samples.values()]
        figures = [one.seconds / self._base(case, number) for number, one in samples.items()]
        parts = {part: None for one in samples.values() for part in one.parts}
        return {
            "figure": round(median(figures), 3),
            "figures": [round(figure, 3) for figure in figures],
            "of": case.to or "seconds",
            "goal": case.goal,
            "median_s": round(median(one.seconds for one in samples.values()), 2),
            "cpu_s": round(median(cost.cpu_s for cost in costs), 2),
            "server_cpu_s": round(median(cost.server_cpu_s for cost in costs), 2),
            "peak_mb": round(median(cost.peak_mb for cost in costs), 1),
            "most_mb": case.most_mb,
            "parts_s": {
                part: round(median(one.parts.get(part, 0) for one in samples.values()), 2) for part in parts
            },
        }

    def _base(self, case, number):
        if not case.to:
            return 1
        return self._floor_s(number) if case.to == FLOOR else self._samples[case.to][number].seconds


def _missed(cases):
    """Return the goals that are not reached, each as a sentence."""
    return [
        *(
            f"{name}: {case['figure']}, not {case['goal']}"
            for name, case in cases.items()
            if case["goal"] is not None and case["figure"] > case["goal"]
        ),
        *(
            f"{name}: {case['peak_mb']} MB"
            for name, case in cases.items()
            if case["peak_mb"] >= case["most_mb"]
        ),
    ]


def markdown(figures):
    """Return the table."""
    rounds = "1 round" if figures["rounds"] == 1 else f"medians of {figures['rounds']} rounds"
    return "\n".join(
        [
            f"{figures['rows']:,} rows, {figures['csv_bytes'] / 1e6:,.0f} MB of CSV, {rounds}. "
            f"PostgreSQL {figures['server']}, {figures['machine']}.",
            "",
            *_HEAD,
            f"| floor | | 1 | | {figures['floor_s']} | | {figures['floor_cpu_s']} | |",
            *(_line(name, case) for name, case in figures["cases"].items()),
            "",
            f"Not reached: {'; '.join(figures['missed']) or 'nothing'}.",
        ]
    )


def _line(name, case):
    goal = "" if case["goal"] is None else case["goal"]
    cells = (
        f"`{name}`",
        goal,
        f"{case['figure']:.2f}",
        case["of"],
        case["median_s"],
        case["cpu_s"],
        case["server_cpu_s"],
        f"{case['peak_mb']:.0f}",
    )
    return "| " + " | ".join(map(str, cells)) + " |"
