"""The figures as the Markdown of docs/speed.md."""

from __future__ import annotations

from bench.load.results import GOALS

_HEAD = (
    "| case | goal | ratio to the floor | seconds | rows/s | CPU s, client | CPU s, server | peak MB |",
    "|---|---|---|---|---|---|---|---|",
)


def markdown(figures):
    """Return the tables."""
    rounds = "1 round" if figures["rounds"] == 1 else f"medians of {figures['rounds']} rounds"
    settings = ", ".join(f"`{name} = {value}`" for name, value in figures["settings"].items())
    return "\n".join(
        [
            f"{figures['rows']:,} rows, {figures['csv_bytes'] / 1e6:,.0f} MB of CSV, {rounds}.",
            f"PostgreSQL {figures['server']}, {figures['machine']}, {settings}.",
            "",
            *_HEAD,
            *_lines(figures),
            "",
            *_goals(figures),
            "",
            *_parts(figures["cases"]),
        ]
    )


def _lines(figures):
    floor = figures["floor_s"]
    yield f"| floor | | 1 | {floor} | {figures['rows'] / floor:,.0f} | | {figures['floor_cpu_s']} | |"
    for name, case in figures["cases"].items():
        yield _line(f"`{name}`", GOALS.get(name, ""), case)
    for name, peer in figures["peers"].items():
        if "unavailable" in peer:
            yield f"| {name} | | could not be had: {peer['unavailable']} | | | | | |"
        elif peer["extrapolated"]:
            yield _line(f"{name}, extrapolated from {peer['rows']:,} rows", "", peer)
        else:
            yield _line(name, "", peer)


def _line(name, goal, case):
    cells = (
        name,
        goal,
        f"{case['ratio']:.2f}",
        case["median_s"],
        f"{case['rows_s']:,}",
        case["cpu_s"],
        case["server_cpu_s"],
        f"{case['peak_mb']:.0f}",
    )
    return "| " + " | ".join(map(str, cells)) + " |"


def _goals(figures):
    ahead = ", ".join(f"{ratio:.2f} of {peer}" for peer, ratio in figures["end_to_end_to"].items())
    of = ", ".join(f"`{name}` {rate:+.1%}" for name, rate in figures["memory_growth_4x_of"].items())
    yield f"- `end_to_end` takes {ahead} (goal: less than 1)."
    yield f"- From a quarter of the rows to all of them memory grows: {of} (goal: less than 10%)."
    yield f"- Not reached: {'; '.join(figures['missed']) or 'nothing'}."


def _parts(cases):
    """Yield where the whole program's time goes, in seconds; what is before its first part is the plan."""
    parts = list(dict.fromkeys(part for case in cases.values() for part in case["parts_s"]))
    yield "| seconds of | whole program | start, plan | " + " | ".join(parts) + " |"
    yield "|---|---|---|" + "---|" * len(parts)
    for name, case in cases.items():
        plan = case["program_s"] - sum(case["parts_s"].values())
        seconds = [case["parts_s"].get(part, "") for part in parts]
        yield "| " + " | ".join(map(str, [f"`{name}`", case["program_s"], round(plan, 2), *seconds])) + " |"
