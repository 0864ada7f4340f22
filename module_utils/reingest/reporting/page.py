"""A run's report as one HTML file that needs nothing else: no script, no picture, no address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..outage.parts import BETWEEN, ORDER
from .charts import NOT_KNOWN, Span, bars, hour, lasted, moment, span_of, timeline, window
from .markup import Markup, join, table, tag, text
from .outage_lines import outage_line
from .page_style import POLICY, STYLE
from .page_tables import findings, rejects, rows_by_table, sizes, steps_listed, users_rows, whole
from .withheld import told_alone

_AWAY = ("switch", "undo")
_FAILURE = 20_000  # characters of a failure
_AROUND = 0.05  # of the window, that is shown before and after it
_Values = Mapping[str, Any]


def page_of(
    report: _Values,
    *,
    past: Sequence[_Values] = (),
    before: Mapping[str, int] | None = None,
    after: Mapping[str, int] | None = None,
    values: bool = False,
) -> str:
    """Return the page.

    Args:
        report: as ``Report.as_values`` has it.
        past: the runs that loaded or switched, oldest first, this one too (``history.Past``).
        before: rows by table of the snapshot that served before, as it was loaded.
        after: the same of the one that it switched to.
        values: whether a failure shows the values of a row that it tells of.

    Returns:
        A text of at most about 2 MB, whatever the report holds: what is too much is counted.
    """
    failed = report.get("outcome") == "failed"
    title = f"{str(report.get('playbook')).capitalize()}{_release(report)}: {_verdict(report)}"
    body = join(
        tag("h1", title),
        _three(report, failed=failed),
        _failure(report, values=values) if failed else None,
        _who(report),
        _timeline(report),
        _window(report),
        rows_by_table(report, before or {}, after or {}),
        rejects(report),
        users_rows(report),
        findings(report),
        _trends(report, past),
        steps_listed(report, values=values),
    )
    head = join(
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", f"{title} ({report.get('run')})"),
        tag("style", Markup(STYLE)),
    )
    return f"<!DOCTYPE html>\n{tag('html', tag('head', head), tag('body', tag('main', body)), lang='en')}\n"


def _verdict(report: _Values) -> str:
    if report.get("outcome") == "failed":
        return "failed"
    return "done" if report.get("changed") else "nothing to change"


def _release(report: _Values) -> str:
    release = _side(report, "to").get("release")
    return f" of {release}" if release else ""


def _switched(report: _Values) -> _Values:
    found = report.get("switch")
    return found if isinstance(found, Mapping) else {}


def _side(report: _Values, name: str) -> _Values:
    found = _switched(report).get(name)
    return found if isinstance(found, Mapping) else {}


def _shown(side: _Values) -> str:
    snapshot, release = side.get("snapshot"), side.get("release")
    if not snapshot:
        return "nothing"
    return f"{release} (snapshot {snapshot})" if release else f"snapshot {snapshot}"


def _three(report: _Values, *, failed: bool) -> Markup:
    """Return what happened in three lines."""
    kind = " failed" if failed else "" if report.get("changed") else " none"
    took = f" in {lasted(report.get('seconds'))}"
    verdict = tag("b", _verdict(report).capitalize(), class_="bad" if failed else "good")
    return tag(
        "dl",
        tag("dt", "Verdict"),
        tag("dd", verdict, f"{took}, since {hour(report.get('started'))}"),
        tag("dt", "Release"),
        tag("dd", _change(report)),
        tag("dt", "Outage"),
        tag("dd", _outage(report)),
        class_=f"three{kind}",
    )


def _change(report: _Values) -> str:
    before, after, live = (_side(report, name) for name in ("from", "to", "live"))
    if _switched(report).get("kind"):
        told = f"from {_shown(before)} to {_shown(after)}"
        same = live.get("snapshot") == after.get("snapshot")
        return told if same else f"{told}, and back: {_shown(live)} serves"
    loaded = f"{_shown(after)} was loaded, and not switched to; " if after.get("snapshot") else ""
    return f"{loaded}{_shown(live)} serves, as before"


def _outage(report: _Values) -> str:
    outage, away = report.get("outage"), report.get("window_seconds")
    if _switched(report).get("kind") and not _side(report, "from").get("snapshot"):
        return "none: nothing served before"
    if isinstance(outage, Mapping) and outage.get("window_s"):
        return outage_line(outage)
    if isinstance(away, (int, float)):
        return f"not measured; the portal was away for at most {away:.1f} s"
    return "none: the portal was not switched"


def _failure(report: _Values, *, values: bool) -> Markup:
    """Return what failed, and what to do."""
    told = str(report.get("failure") or "no reason was given")
    whole_text = told if values else told_alone(told)
    live = _side(report, "live")
    serving = f"{_shown(live)} is live." if live.get("snapshot") else "Nothing is live yet."
    undone = "recover.yml" in told or "NOT undone" in told
    first = (
        "Run recover.yml as the text above says, before anything else."
        if undone
        else "Put right what the text above names, or accept a finding as it says, and run the same again: "
        "a load that ended early is resumed."
    )
    return tag(
        "section",
        tag("h2", "What failed"),
        tag("pre", text(whole_text, most=_FAILURE, lines=True)),
        tag("h2", "What to do"),
        tag("p", f"{serving} {first}"),
        class_="failure",
    )


def _who(report: _Values) -> Markup:
    proof, ledger = report.get("proof"), report.get("ledger")
    chain = ledger if isinstance(ledger, Mapping) else {}
    broken = "BROKEN, see status.yml; " if chain.get("broken") else ""
    shown = (
        ("Run", report.get("run")),
        (
            "Operator",
            f"{report.get('operator')}, {f'proven by key {proof}' if proof else 'claimed, not proven'}",
        ),
        ("Ledger", f"{broken}last hash {chain.get('last')}" if chain else "not read"),
    )
    return tag("dl", *(join(tag("dt", name), tag("dd", value)) for name, value in shown))


def _mappings(found: object) -> list[_Values]:
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, (list, tuple)) else []


def _timeline(report: _Values) -> Markup | None:
    began, seconds = moment(report.get("started")), report.get("seconds")
    stages, steps = _mappings(report.get("stages")), _mappings(report.get("steps"))
    if began is None or not isinstance(seconds, (int, float)) or lasted(seconds) == NOT_KNOWN or not stages:
        return None
    told = [f"{one.get('name')} {lasted(one.get('seconds'))}" for one in stages]
    rows: list[list[object]] = [
        [
            str(one.get("name")),
            tag("span", hour(one.get("started")), class_="n"),
            lasted(one.get("seconds")),
            lasted(one.get("worked")),
        ]
        for one in stages[:_MOST_STAGES]
    ]
    return join(
        tag("h2", "Timeline"),
        timeline(Span(began, began + seconds), stages, steps, ", ".join(told)),
        table("Stages", ("stage", "began", "lasted", "of that, steps worked"), rows, left=2),
    )


def _window(report: _Values) -> Markup | None:
    steps = [one for one in _mappings(report.get("steps")) if one.get("stage") in _AWAY]
    spans = [(one.get("changed"), span) for one in steps for span in [span_of(one)] if span is not None]
    away = [span for changed, span in spans if changed]
    if not away:
        return None
    found = report.get("outage")
    outage: _Values = found if isinstance(found, Mapping) else {}
    began = min(span.began for span in away)
    ended = max(span.ended for _, span in spans)
    gaps = [span for gap in _mappings(outage.get("gaps")) for span in [span_of(gap)] if span is not None]
    near = [gap for gap in gaps if gap.ended > began and gap.began < ended]
    began, ended = min([began, *(gap.began for gap in near)]), max([ended, *(gap.ended for gap in near)])
    around = _AROUND * (ended - began)
    told = f"From the first change to the last step, {lasted(ended - began)}. {_outage(report)}"
    parts = outage.get("parts")
    rows: list[list[object]] = [
        [name.replace("_", " "), f"{parts[name]:.2f}"]
        for name in (*ORDER, BETWEEN)
        if isinstance(parts, Mapping) and isinstance(parts.get(name), (int, float))
    ]
    shaded = "Shaded: users had no good answer. Dashed: the new release answered first." if near else None
    return join(
        tag("h2", "The window"),
        tag("p", _outage(report)),
        window(Span(began - around, ended + around), steps, outage, told),
        tag("p", shaded, class_="dim") if shaded else None,
        table("What the window went into", ("part", "seconds"), rows) if rows else None,
    )


def _trends(report: _Values, past: Sequence[_Values]) -> Markup | None:
    """Return this run beside the earlier ones, as the ledger has them."""
    ours = {"run": report.get("run"), "seconds": report.get("seconds")}
    runs = [{**one, **ours} if one.get("run") == ours["run"] else one for one in past]
    if all(one.get("run") != ours["run"] for one in past):  # it came to neither load nor switch
        runs.append({**ours, "kind": f"{report.get('playbook')}, {_verdict(report)}"})
    if len(runs) < _LEAST_RUNS:
        return None
    pictures = []
    for name, key, shown in _TRENDS:
        numbers = [one.get(key) if isinstance(one.get(key), (int, float)) else None for one in runs]
        known = [number for number in numbers if number is not None]
        if not known:
            continue
        last = numbers[-1]
        now = "not known" if last is None else shown(last)
        told = f"{now}; from {shown(min(known))} to {shown(max(known))}"
        caption = tag("figcaption", tag("b", name), f": {told}")
        pictures.append(tag("figure", caption, bars(f"{name} by run", numbers, told)))
    rows: list[list[object]] = [
        [
            f"{one.get('run')}{' (this run)' if one.get('run') == report.get('run') else ''}",
            f"{one.get('kind')}{', taken back' if one.get('taken_back') else ''}",
            one.get("release") or "-",
            *("-" if one.get(key) is None else shown(one[key]) for _, key, shown in _TRENDS),
        ]
        for one in reversed(runs)
    ]
    head = ("run", "did", "release", *(name.lower() for name, _, _ in _TRENDS))
    return join(
        tag("h2", "Beside earlier runs"),
        tag("div", *pictures, class_="charts"),
        table("Runs that loaded or switched, as the ledger has them; the newest first", head, rows, left=3),
    )


_TRENDS = (
    ("Duration", "seconds", lasted),
    ("Outage", "outage_s", lasted),
    ("Rows", "rows", whole),
    ("Size", "bytes", sizes),
)
_LEAST_RUNS = 2
_MOST_STAGES = 40
