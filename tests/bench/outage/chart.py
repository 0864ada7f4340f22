"""The figures as a chart: a bar for the median outage of each way to switch, a dot for each round."""

from __future__ import annotations

from pathlib import Path

NAMES = {
    "raw": "raw script (the floor)",
    "runbook": "the runbook, scripted",
    "tasks": "playbook of single tasks",
    "restart": "reingest, restart",
    "held": "reingest, held by PgBouncer",
}
_LEFT, _WIDTH, _ROW, _TOP, _BAR = 210, 760, 44, 44, 20
_COLOURS = {"restart": "#1f6f8b", "held": "#1f6f8b"}


def chart(result: dict, target: Path) -> None:
    """Write the chart of what `make bench-outage` measured, as an SVG that needs nothing else."""
    names = [name for name in NAMES if name in result]
    most = max(one["outage_s"] for name in names for one in result[name]["rounds"])
    scale = (_WIDTH - _LEFT - 120) / most
    height = _TOP + _ROW * len(names) + 30
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img"'
        ' font-family="sans-serif" font-size="14">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        '<text x="16" y="26" font-size="15">Seconds without the portal: median, each round, '
        f"failed requests of {result['setting']['reads_a_second']}/s</text>",
    ]
    for place, name in enumerate(names):
        found, top = result[name], _TOP + _ROW * place
        middle = top + _BAR / 2
        end = _LEFT + found["outage_s"] * scale
        lines.append(f'<text x="{_LEFT - 10}" y="{middle + 5}" text-anchor="end">{NAMES[name]}</text>')
        lines.append(
            f'<rect x="{_LEFT}" y="{top}" width="{found["outage_s"] * scale:.1f}" height="{_BAR}"'
            f' fill="{_COLOURS.get(name, "#a8b0b8")}"/>'
        )
        lines += [
            f'<circle cx="{_LEFT + one["outage_s"] * scale:.1f}" cy="{middle}" r="3.5" fill="#ffffff"'
            ' stroke="#333333"/>'
            for one in found["rounds"]
        ]
        furthest = max(end, *(_LEFT + one["outage_s"] * scale for one in found["rounds"]))
        lines.append(
            f'<text x="{furthest + 10:.1f}" y="{middle + 5}">{found["outage_s"]:.2f} s,'
            f" {found['failed']:.0f} failed</text>"
        )
    lines.append("</svg>")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join(lines) + "\n")
