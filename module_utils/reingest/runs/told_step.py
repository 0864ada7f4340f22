"""A step of a run as another host told it: read as data, whatever it holds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..disclosure.printable import printable, printable_text
from ..outage.seen import seen_from

_COUNTS = ("read", "loaded", "duplicates", "orphans", "rejected", "filtered")
_FINDING = ("name", "message", "remedy")
_MOST = 1 << 63
_LONGEST_S = 1e9


def step_from(raw: Any) -> dict[str, Any]:  # noqa: ANN401 - that is what is found out
    """Return a step as ``runs.steps.StepClock`` makes them; with ``host`` and ``failure`` where it has them.

    Of its detail the report uses the tables, the findings and the outage: they are typed, the rest is left
    as it is.

    Raises:
        ValueError: it is none; the text says what is wrong.
    """
    _need(isinstance(raw, Mapping), "a step is no dict")
    did, detail, seconds = raw.get("did"), raw.get("detail") or {}, raw.get("seconds")
    _need(isinstance(did, list) and all(isinstance(one, str) for one in did), "did is no list of texts")
    _need(isinstance(detail, Mapping), "detail is no dict")
    _need(type(seconds) in (int, float), "seconds is no number")
    _need(0 <= seconds <= _LONGEST_S, "seconds is no time that passed")  # nor is what is not finite
    _need(isinstance(raw.get("changed"), bool), "changed is neither true nor false")
    started = _line(raw, "started")
    _need(datetime.fromisoformat(started).tzinfo is not None, "started has no time zone")
    step = {
        "stage": _line(raw, "stage"),
        "started": started,
        "seconds": seconds,
        "changed": raw["changed"],
        "did": [printable(one) for one in did],
        "detail": {**detail, **{name: form(detail[name]) for name, form in TYPED.items() if name in detail}},
    }
    return {**step, **{name: _line(raw, name) for name in ("host", "failure") if raw.get(name) is not None}}


def findings_from(raw: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - as above
    """Return findings as ``frame.finding.Finding`` shows them.

    Raises:
        ValueError: they are none.
    """
    _need(
        isinstance(raw, list) and all(isinstance(one, Mapping) for one in raw), "findings is no list of dicts"
    )
    _need(all(isinstance(one.get(name), str) for one in raw for name in _FINDING), "a finding is no text")
    _need(all(isinstance(one.get("accept", ""), str) for one in raw), "a finding's acceptance is no text")
    names = (*_FINDING, "accept")
    return [
        {
            **{name: printable_text(one[name]) for name in names if name in one},
            **({"accepted": one["accepted"]} if isinstance(one.get("accepted"), bool) else {}),
        }
        for one in raw
    ]


def tables_from(raw: Any) -> dict[str, dict[str, Any]]:  # noqa: ANN401 - as above
    """Return counts of rows by table, as ``load.provenance.TableCount`` has them; None where not known.

    Raises:
        ValueError: it is none.
    """
    _need(isinstance(raw, Mapping), "tables is no dict")
    return {printable(str(name)): _counts(counts) for name, counts in raw.items()}


def _counts(raw: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    _need(isinstance(raw, Mapping), "the counts of a table are no dict")
    found: dict[str, Any] = {"owner": _line(raw, "owner")}
    for name in _COUNTS:
        value = raw.get(name)
        good = value is None or (type(value) is int and 0 <= value < _MOST)
        _need(good, f"the {name} rows of a table are no number")
        if name in raw:
            found[name] = value
    return found


def _line(raw: Mapping[str, Any], name: str) -> str:
    value = raw.get(name)
    _need(isinstance(value, str), f"{name} is no text")
    return printable(str(value))


def _need(good: object, wrong: str) -> None:
    if not good:
        raise ValueError(wrong)


def outage_from(raw: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    """Return what a prober saw, as ``outage.seen.Seen`` has it.

    Raises:
        ValueError: it is none.
    """
    _need(isinstance(raw, Mapping), "the outage is no dict")
    found = seen_from(raw).as_values()
    return {name: printable(value) if isinstance(value, str) else value for name, value in found.items()}


def predicted_from(raw: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    """Return a prediction, as ``outage.forecast.Forecast`` shows it.

    Raises:
        ValueError: it is none.
    """
    _need(isinstance(raw, Mapping), "the prediction is no dict")
    numbers = {name: _number(raw, name) for name in ("seconds", "runs", "user_bytes", "checkpoint_s")}
    return {**numbers, "parts": _numbers(raw.get("parts")), "told": _line(raw, "told")}


def _numbers(raw: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    _need(isinstance(raw, Mapping), "the parts of a window are no dict")
    return {printable(str(name)): _number(raw, name) for name in raw}


def _number(raw: Mapping[str, Any], name: str) -> float:
    value: Any = raw.get(name)
    good = type(value) in (int, float) and 0 <= value < _MOST  # nor what is not finite
    _need(good, f"{printable(str(name))} is no number")
    return float(value) if isinstance(value, float) else int(value)


def _only_number(raw: Any) -> float:  # noqa: ANN401 - as above
    return _number({"the budget": raw}, "the budget")


def _only_line(raw: Any) -> str:  # noqa: ANN401 - as above
    return _line({"a text": raw}, "a text")


def rejects_from(raw: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    """Return rejects by reason, as ``reporting.rejects`` has them.

    Raises:
        ValueError: they are none.
    """
    _need(isinstance(raw, Mapping) and isinstance(raw.get("groups"), list), "the rejects are no groups")
    groups = []
    for one in raw["groups"]:
        _need(isinstance(one, Mapping) and isinstance(one.get("places"), list), "rejects have no places")
        texts = {name: _line(one, name) for name in ("table", "column", "reason")}
        places = [_place(place) for place in one["places"]]
        groups.append({**texts, "rows": int(_number(one, "rows")), "places": places})
    return {"rows": int(_number(raw, "rows")), "whole": raw.get("whole") is True, "groups": groups}


def _place(raw: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    _need(isinstance(raw, Mapping), "the place of a reject is no dict")
    value = {"value": _line(raw, "value")} if "value" in raw else {}
    return {"file": _line(raw, "file"), "line": int(_number(raw, "line")), **value}


# What the report reads of a detail, and how each is read.
TYPED = {
    "tables": tables_from,
    "findings": findings_from,
    "outage": outage_from,
    "rejects": rejects_from,
    "predicted": predicted_from,
    "window": _numbers,
    "budget": _only_number,
    "unmeasured": _only_line,
}
