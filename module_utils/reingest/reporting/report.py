"""A run's report, made of the steps that its modules returned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import Any

from ..runs.steps import is_step
from .outage_lines import outage_lines, outage_of
from .profile_lines import profile_lines

PLANNED = "planned"
DONE = "done"
FAILED = "failed"
VERSION = 1  # of report.json; docs/report.schema.json
_LOAD = "load"
_STEP = ("host", "stage", "started", "seconds", "changed", "did", "failure")
_PAGE = 6  # lines of one kind in the report of a failed run
_NAME_WIDTH = 24
_AWAY = ("switch", "undo")  # the stages in which the portal is away


@dataclass(frozen=True)
class Stage:
    """One stage of a run: all its steps on all hosts."""

    name: str
    started: str  # UTC, ISO 8601
    seconds: float  # until the next stage began: the modules' own time and everything around them
    worked: float  # of these, the seconds in which at least one module worked on some host
    changed: bool
    did: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """What a run did, or, in check mode, would do."""

    run: str
    playbook: str
    operator: str
    outcome: str
    failure: str  # which step failed and why; empty when none did
    started: str
    seconds: float
    window_seconds: float | None  # from the first service that was stopped to the portal's proof
    changed: bool
    stages: tuple[Stage, ...]
    steps: tuple[Mapping[str, Any], ...]  # each module call: host, stage, started, seconds, changed, did
    proof: str = ""  # the fingerprint of the key that proved the operator; empty: nothing did
    ledger: Mapping[str, Any] = field(default_factory=dict)  # its chain, as volume.chain has it
    tables: Mapping[str, Any] = field(default_factory=dict)  # rows by table, as record.TableCount has them
    findings: tuple[Mapping[str, Any], ...] = ()  # of the verification, the accepted ones too
    profiles: Mapping[str, Any] = field(default_factory=dict)  # of the load and of production, by table
    outage: Mapping[str, Any] = field(default_factory=dict)  # what users felt, see ``outage_lines``
    missing: tuple[str, ...] = ()  # hosts of which no step is known: contact was lost, or nothing was done
    rejects: Mapping[str, Any] = field(default_factory=dict)  # by reason, as ``reporting.rejects`` has them
    carried: Mapping[str, int] = field(default_factory=dict)  # rows of users by table
    switch: Mapping[str, Any] = field(default_factory=dict)  # as ``history.switch_of`` has it
    version: int = VERSION

    def as_values(self) -> dict[str, Any]:
        """Return the report as plain values, for JSON."""
        return asdict(self)


def make_report(
    steps: Sequence[Mapping[str, Any]],
    *,
    run: str,
    playbook: str,
    operator: str,
    outcome: str,
    failure: str,
    began: str,
    now: datetime,
    hosts: Sequence[str] = (),
) -> Report:
    """Return the report of the steps, from whichever hosts and in whichever order they come.

    Args:
        steps: the steps as ``runs.steps`` has them, each with its ``host``; what is none is passed over.
        run: the run's id.
        playbook: what was run.
        operator: who ran it.
        outcome: ``planned``, ``done`` or ``failed``.
        failure: which step failed and why.
        began: when the run began (ISO 8601); empty: when its first step did.
        now: the time at which the last stage ended.
        hosts: all that took part.
    """
    ordered = sorted(filter(_is_timed, steps), key=lambda step: str(step["started"]))
    names = list(dict.fromkeys(str(step["stage"]) for step in ordered))
    begins = {name: next(_time(step) for step in ordered if step["stage"] == name) for name in names}
    if began and names:  # what comes before the first step belongs to its stage
        begins[names[0]] = min(begins[names[0]], datetime.fromisoformat(began))
    ends = [*list(begins.values())[1:], now]
    stages = tuple(
        _stage(name, [step for step in ordered if step["stage"] == name], begins[name], end)
        for name, end in zip(names, ends)
    )
    loaded = next((step for step in ordered if step["stage"] == _LOAD and step["detail"].get("tables")), None)
    compared: Mapping[str, Any] = next(
        (step["detail"]["profiles"] for step in ordered if step["detail"].get("profiles")), {}
    )
    started = min(begins.values(), default=now)
    return Report(
        run=run,
        playbook=playbook,
        operator=operator,
        outcome=outcome,
        failure=failure,
        started=started.isoformat(timespec="milliseconds"),
        seconds=round((now - started).total_seconds(), 3),
        window_seconds=None if outcome == PLANNED else _window(ordered),
        changed=any(step["changed"] for step in ordered),
        stages=stages,
        steps=tuple({key: step.get(key) for key in _STEP} for step in ordered),
        tables=loaded["detail"]["tables"] if loaded else {},
        findings=tuple(one for step in ordered for one in step["detail"].get("findings") or ()),
        profiles=compared,
        outage=outage_of(ordered),
        missing=tuple(host for host in hosts if all(step.get("host") != host for step in ordered)),
        rejects=_rejects(ordered),
        carried=_carried(ordered),
    )


def report_lines(report: Report) -> list[str]:
    """Return the report as a table to print; of a failed run one page, of which the failure is the end."""
    head = {PLANNED: "would be done", DONE: "done", FAILED: "FAILED"}[report.outcome]
    if not report.changed and report.outcome != FAILED:
        head = "nothing to change"
    proven = ", proven" if report.proof else ""
    lines = [f"{report.playbook}: {head} (run {report.run}, operator {report.operator}{proven})"]
    for stage in report.stages:
        if not stage.did and stage.seconds < 0.05:
            continue
        first, *rest = _paged(report, stage.did or ("nothing to change",))
        lines.append(f"{stage.name:<10} {stage.seconds:>6.1f} s  {first}")
        lines += [f"{'':<20} {did}" for did in rest]
    counted = any(counts.get("read") for counts in report.tables.values())
    if counted and report.changed:
        lines += _paged(report, _table_lines(report.tables))
    lines += _paged(report, profile_lines(report.profiles))
    lines.append(f"total      {report.seconds:>6.1f} s" + _window_text(report.window_seconds))
    lines += outage_lines(report.outage, planned=report.outcome == PLANNED)
    if report.ledger and report.outcome != PLANNED:
        lines.append(f"{'report':<10} .reingest/runs/{report.run}/report.html on the volume")
        broken = "its chain is BROKEN, see status.yml; " if report.ledger["broken"] else ""
        lines.append(f"ledger     {broken}last hash {report.ledger['last']}")
    if report.failure:
        lines += f"failed: {report.failure}".splitlines()
    return lines


def _stage(name: str, steps: Sequence[Mapping[str, Any]], began: datetime, end: datetime) -> Stage:
    return Stage(
        name=name,
        started=began.isoformat(timespec="milliseconds"),
        seconds=round((end - began).total_seconds(), 3),
        worked=round(_worked(steps), 3),
        changed=any(step["changed"] for step in steps),
        did=tuple(did for step in steps for did in step["did"]),
    )


def _rejects(ordered: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the host that loaded told of its rejects; nothing where that is not of their form."""
    told = [step["detail"]["rejects"] for step in ordered if step["detail"].get("rejects")]
    if not told:
        return {}
    from ..runs.told_step import rejects_from  # here, as few runs need it

    with suppress(ValueError):
        return rejects_from(told[-1])
    return {}


def _carried(ordered: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return the rows of users that went to what serves now: those of the last step that carried some."""
    found: dict[str, int] = {}
    for step in ordered:
        rows = step["detail"].get("rows")
        if isinstance(rows, Mapping) and step["stage"] in _AWAY:
            found = {str(name): count for name, count in rows.items() if type(count) is int and count >= 0}
    return found


def _worked(steps: Sequence[Mapping[str, Any]]) -> float:
    """Return the seconds that the steps cover; those of several hosts at one time count once."""
    total, until = 0.0, 0.0
    for step in steps:  # in the order of their start
        start = _time(step).timestamp()
        end = start + float(step["seconds"])
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total


def _window(ordered: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the seconds from the first change of the switch to the end of its last step."""
    steps = [step for step in ordered if step["stage"] in _AWAY]
    begins = [_time(step) for step in steps if step["changed"]]
    if not begins:
        return None
    end = max(_time(step).timestamp() + float(step["seconds"]) for step in steps)
    return round(end - begins[0].timestamp(), 3)


def _window_text(window: float | None) -> str:
    return "" if window is None else f", of which the portal was away for at most {window:.1f} s"


def _paged(report: Report, lines: Sequence[str]) -> Sequence[str]:
    """Return the lines; of a failed run so many that it fits a page, and where the rest is."""
    if report.outcome != FAILED or len(lines) <= _PAGE:
        return lines
    left = len(lines) - _PAGE
    return [*lines[:_PAGE], f"... and {left:,} more in .reingest/runs/{report.run}/report.json on the volume"]


def _table_lines(tables: Mapping[str, Any]) -> list[str]:
    """Return a line for each table, below a head; the columns begin behind the longest name."""
    width = max(_NAME_WIDTH, *map(len, tables))
    head = (
        f"{'table':<{width}} {'read':>10} {'loaded':>10} {'duplicates':>10} {'orphans':>8} {'rejected':>8}"
        f" {'filtered':>10}"
    )
    return [head, *(_table_line(name, counts, width) for name, counts in tables.items())]


def _table_line(name: str, counts: Mapping[str, Any], width: int) -> str:
    if counts.get("owner") != "source":
        return f"{name:<{width}} {'owner: ' + str(counts.get('owner'))}"
    read, loaded, duplicates, orphans, rejected, filtered = (
        f"{counts[key]:,}" if isinstance(counts.get(key), int) else ""
        for key in ("read", "loaded", "duplicates", "orphans", "rejected", "filtered")
    )  # a plan does not know them yet; a load of before may have neither rejects nor filtered rows
    counted = f"{read:>10} {loaded:>10} {duplicates:>10} {orphans:>8} {rejected:>8} {filtered:>10}"
    return f"{name:<{width}} {counted}".rstrip()


def _is_timed(step: Mapping[str, Any]) -> bool:
    """Return whether it is a step, at a time that UTC has, too."""
    try:
        return is_step(step) and bool(_time(step))
    except OverflowError:
        return False


def _time(step: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(str(step["started"])).astimezone(timezone.utc)
