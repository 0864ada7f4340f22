"""What a load may end in: rows and rejects that are right, or a refusal that says where and why."""

from __future__ import annotations

import re

# What nobody can act on: Python's own words, an order to look elsewhere, a limit of this program.
_NO_REASON = re.compile(
    r"Traceback|look at the staging server|Error\(|recursion|Install pandas|set_int_max|out of memory"
)


def faults_of_end(end, files):
    """Yield what is wrong with how a load ended, whatever was in its files."""
    if end.crash:
        yield f"crashed: {end.crash[-600:]}"
        return
    if not end.refusal:
        for name, count in end.counts.items():
            left_out = sum(count[key] for key in ("duplicates", "orphans", "rejected", "filtered"))
            if count["owner"] == "source" and count["read"] != count["loaded"] + left_out:
                yield f"table {name}: its accounts are not settled: {count}"
            if count["rejected"] != len(end.rejects[name]):
                yield f"table {name}: {count['rejected']} rejects, and {len(end.rejects[name])} are written"
        for one in (reject for rejects in end.rejects.values() for reject in rejects):
            if one["line"] < 1 or not one["reason"] or _NO_REASON.search(one["reason"]):
                yield f"a reject without a place or a reason: {str(one)[:600]}"
        return
    if _NO_REASON.search(end.refusal):
        yield f"refused without a reason: {end.refusal[:600]}"
    if not any(name in end.refusal for name in (*files, "dataset.yml", "schema.sql", "table ")):
        yield f"refused without a place: {end.refusal[:600]}"


def faults_of_case(place, case, end, *, aside):
    """Yield what is wrong with the end of a named case; ``aside``: bad rows were set aside."""
    faults = list(faults_of_end(end, case.files))
    if faults:
        yield from faults
        return
    if case.refused:
        if not end.refusal:
            yield f"was not refused: {end.counts}"
        elif not all(word in end.refusal for word in case.refused):
            yield f"is refused, and not with {case.refused}: {end.refusal[:600]}"
        elif case.refused_only_in_plan and not end.planned:
            yield f"is refused when it has begun: {end.refusal[:600]}"
        return
    ends_at_first = bool(case.bad) and not (aside or case.aside_anyway)
    if ends_at_first != bool(end.refusal):
        yield f"is refused: {end.refusal[:600]}" if end.refusal else "a bad row did not end it"
    elif ends_at_first:
        if not any(f":{line}:" in end.refusal for line in case.bad):
            yield f"is refused without the line of a bad row: {end.refusal[:600]}"
    else:
        yield from _faults_of_rows(place, case, end)


def _faults_of_rows(place, case, end):
    bad = tuple(sorted(one["line"] for rejects in end.rejects.values() for one in rejects))
    if bad != case.bad:
        yield f"the lines of rejects are {bad}, not {case.bad}: {str(end.rejects)[:600]}"
    rows = tuple(row for (row,) in place.rows(case.shown))
    if rows != case.rows:
        yield f"the rows are {str(rows)[:600]}, not {str(case.rows)[:600]}"
