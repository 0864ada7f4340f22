"""The tables of a run's page, from rows to steps. Each is bounded, and counts the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .charts import hour
from .markup import Markup, join, table, tag
from .withheld import told_alone

_MOST_TABLES = 500
_MOST_STEPS = 400
_MOST_DID = 6  # lines of one step
_LONGEST_FAILURE = 100_000  # characters
_MOST_KINDS = 40
_MOST_OF_A_KIND = 10
_MOST_REJECTS = 100  # reasons
_Values = Mapping[str, Any]


def whole(number: object) -> str:
    """Return a number of rows; a dash where it is none."""
    return f"{number:,}" if type(number) is int else "-"


def sizes(number: object) -> str:
    """Return a number of bytes, in megabytes."""
    return f"{number / 1e6:,.1f} MB" if type(number) in (int, float) else "-"  # type: ignore[operator]


def _mapping(found: object) -> _Values:
    return found if isinstance(found, Mapping) else {}


def _mappings(found: object) -> list[_Values]:
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, (list, tuple)) else []


def _rest(left: int, what: str) -> Markup | None:
    return tag("p", f"... and {left:,} more {what}: report.json", class_="dim") if left > 0 else None


def rows_by_table(report: _Values, before: Mapping[str, int], after: Mapping[str, int]) -> Markup | None:
    """Return each table's rows before and after, and what became of the rows that were read."""
    tables, profiles = _mapping(report.get("tables")), _mapping(report.get("profiles"))
    names = list(dict.fromkeys((*tables, *profiles))) or sorted({*before, *after} if after else ())
    if not names:
        return None
    rows: list[list[object]] = []
    for name in names[:_MOST_TABLES]:
        counts, profile = _mapping(tables.get(name)), _mapping(profiles.get(name))
        owner = counts.get("owner") or "source"
        loaded = counts.get("loaded") if owner == "source" else None
        now = profile.get("rows", loaded if tables else after.get(name))
        then = profile.get("rows_before", before.get(name) if owner == "source" else None)
        read = [whole(counts.get(key)) if owner == "source" else "" for key in _COUNTED]
        row: list[object] = [name, owner, whole(then), whole(now), _difference(then, now)]
        rows.append([*row, *(read if tables else ())])
    source = "the load's profile and production's" if profiles else "the loads' own counts"
    return join(
        tag("h2", "Rows by table"),
        table(
            f"Rows of production before, and of what the run switched to or loaded ({source})",
            ("table", "owner", "before", "after", "difference", *(_COUNTED if tables else ())),
            rows,
            left=2,
        ),
        _rest(len(names) - _MOST_TABLES, "tables"),
    )


_COUNTED = ("read", "duplicates", "orphans", "rejected", "filtered")


def _difference(then: object, now: object) -> Markup | str:
    if type(then) is not int or type(now) is not int:
        return "-"
    if then == now:
        return "0"
    share = f" ({(now - then) / then:+.1%})" if then else ""
    return tag("span", f"{now - then:+,}{share}", class_="good" if now > then else "bad")


def rejects(report: _Values) -> Markup | None:
    """Return the rows that were refused, by reason, with the places of the first ones."""
    found = _mapping(report.get("rejects"))
    groups = _mappings(found.get("groups"))
    if not groups:
        return None
    groups.sort(key=lambda one: -one["rows"] if type(one.get("rows")) is int else 0)
    rows: list[list[object]] = [
        [
            one.get("table"),
            one.get("column") or "-",
            one.get("reason"),
            _listed([_place(place) for place in _mappings(one.get("places"))]),
            whole(one.get("rows")),
        ]
        for one in groups[:_MOST_REJECTS]
    ]
    part = (
        "" if found.get("whole") is True else f"; of the first {whole(found.get('rows'))} that were looked at"
    )
    return join(
        tag("h2", "Rejected rows"),
        table(f"By reason{part}", ("table", "column", "reason", "first places", "rows"), rows, left=4),
        _rest(len(groups) - _MOST_REJECTS, "reasons"),
        tag("p", "All of them lie on the worker, in the run's folder rejects.", class_="dim"),
    )


def _place(place: _Values) -> str:
    value = f": {place['value']}" if "value" in place else ""
    return f"{place.get('file')}:{place.get('line')}{value}"


def _listed(lines: Sequence[object]) -> Markup:
    return tag("ul", *(tag("li", line) for line in lines))


def users_rows(report: _Values) -> Markup | None:
    """Return how many rows of users went along; only their number is anybody's business."""
    carried = _mapping(report.get("carried"))
    if not carried:
        return None
    rows: list[list[object]] = [[name, whole(count)] for name, count in list(carried.items())[:_MOST_TABLES]]
    total = sum(count for count in carried.values() if type(count) is int)
    return join(
        tag("h2", "Users' rows"),
        table(f"Carried to what serves now, {total:,} in all", ("table", "rows"), rows),
        _rest(len(carried) - _MOST_TABLES, "tables"),
    )


def findings(report: _Values) -> Markup | None:
    """Return the findings of the verification by kind, and who accepted them; nothing where none was made."""
    found = _mappings(report.get("findings"))
    if not found and all(one.get("stage") != "verify" for one in _mappings(report.get("steps"))):
        return None
    if not found:
        return join(tag("h2", "Findings"), tag("p", "None."))
    kinds: dict[str, list[_Values]] = {}
    for one in found:
        kinds.setdefault(str(one.get("name")).partition(":")[0], []).append(one)
    parts: list[object] = [tag("h2", "Findings")]
    for kind, some in list(kinds.items())[:_MOST_KINDS]:
        rows: list[list[object]] = [
            [
                one.get("name"),
                join(tag("p", one.get("message")), tag("p", one.get("remedy"), class_="dim")),
                _by(report, one),
            ]
            for one in some[:_MOST_OF_A_KIND]
        ]
        parts.append(
            table(
                f"{kind}: {len(some):,}",
                ("finding", "what was found, and what to do", "accepted"),
                rows,
                left=3,
            )
        )
        parts.append(_rest(len(some) - _MOST_OF_A_KIND, f"of {kind}"))
    left = list(kinds.values())[_MOST_KINDS:]
    parts.append(_rest(sum(map(len, left)), "of other kinds"))
    return join(*parts)


def _by(report: _Values, one: _Values) -> str:
    accepted = one.get("accepted")
    if accepted is None:
        return "-"
    return f"by {report.get('operator')}" if accepted is True else "no"


def _why(failure: str, *, values: bool) -> str:
    if len(failure) > _LONGEST_FAILURE:
        return f"{len(failure):,} characters say why: report.json"
    return failure if values else told_alone(failure)


def steps_listed(report: _Values, *, values: bool) -> Markup | None:
    """Return every step of every host, in order."""
    steps = _mappings(report.get("steps"))
    if not steps:
        return None
    lost = report.get("missing")
    missing = [str(host) for host in lost] if isinstance(lost, (list, tuple)) else []
    rows: list[list[object]] = []
    for one in steps[:_MOST_STEPS]:
        did = one.get("did")
        lines: list[object] = list(did) if isinstance(did, (list, tuple)) else []
        more = len(lines) - _MOST_DID
        shown: list[object] = lines[:_MOST_DID] or ["looks, and changes nothing"]
        if more > 0:
            shown.append(f"... and {more:,} more")
        if one.get("failure"):
            shown.append(tag("span", f"failed: {_why(str(one['failure']), values=values)}", class_="bad"))
        began = tag("span", hour(one.get("started")).replace(" UTC", ""), class_="n")
        seconds = one.get("seconds")
        took = f"{seconds:.2f}" if isinstance(seconds, (int, float)) else "-"
        rows.append([began, one.get("host") or "-", one.get("stage"), _listed(shown), took])
    return join(
        tag("h2", "Steps"),
        table(
            "Every step of every host; times are UTC",
            ("began", "host", "stage", "did", "seconds"),
            rows,
            left=4,
        ),
        _rest(len(steps) - _MOST_STEPS, "steps"),
        tag("p", f"No step is known of {', '.join(missing)}: contact was lost, or nothing was done there.")
        if missing
        else None,
    )
