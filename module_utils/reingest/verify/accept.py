"""Which findings an operator accepted, and what is left to refuse."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..dataset.limits import OF_COLUMNS
from ..disclosure.command_line import accepting
from ..disclosure.printable import printable
from ..frame.finding import Finding
from .accepted import NEW, Acceptance, group_seen, read_accepted

_MOST = 10  # findings of one kind that have a line each
_SHOWN = 3  # of more, as examples
_LONGEST = 100_000  # bytes of an argument: Linux takes 131,072

_HOOK = "reingest_after_promote"

# Accepted elsewhere: in preflight, by the load, by the switch, by the pruning.
_ELSEWHERE = re.compile(
    r"served|outage|portal|login|health:.*|hold:.*|rows|pg_dump(@.*)?|(rows|copies):.*|collation:\d{4}.*",
    re.DOTALL,
)


@dataclass(frozen=True)
class Verdict:
    """``refusal`` is empty when nothing is left to refuse; ``met`` are the findings that were accepted."""

    refusal: str
    warnings: tuple[str, ...]
    met: frozenset[Finding] = frozenset()


def judge(
    findings: Sequence[Finding],
    accepted: Sequence[str],
    *,
    hook: str = "",
    what: str = "the load is not fit to be promoted",
    whole: bool = True,
) -> Verdict:
    """Return one refusal, with a line for each finding that was not accepted, and warnings for the rest.

    Args:
        findings: what was found.
        accepted: what an operator accepted: names, patterns of them (`object:view:*`), each with what was
            seen, or whatever that is (`shrink:study@20`, `shrink:study`).
        hook: the task file that the operator declared for what is to be put right after the promotion.
        what: what the refusal begins with.
        whole: whether a name that was accepted must be among the findings; else another step may find it.
    """
    entries = read_accepted(accepted, findings)
    may = [finding for finding in findings if finding.acceptable and (hook or not finding.hooked)]
    met = frozenset(finding for finding in may if any(entry.holds(finding) for entry in entries))
    warnings = [f"accepted: {one.name}: {one.message}" for one in findings if one in met]
    left = [finding for finding in findings if finding not in met]
    idle = [entry for entry in entries if not any(entry.names(finding) for finding in findings)]
    elsewhere = [entry for entry in idle if not whole or _ELSEWHERE.fullmatch(entry.text)]
    warnings += [
        f"{entry.text} was accepted, but nothing of that name was found"
        for entry in idle
        if entry not in elsewhere
    ]
    if not left:
        return Verdict("", tuple(warnings), met)
    lines = list(_lines(left, findings, entries, hook))
    kept = [entry.text for entry in entries if entry in elsewhere or any(map(entry.holds, met))]
    ways = [way for line in lines for way in line.ways]
    told = "".join(f"\n- {line.text}" for line in lines)
    count = "1 finding" if len(left) == 1 else f"{len(left)} findings"
    return Verdict(f"{what}, {count}:{told}{_all(kept, ways, lines)}", tuple(warnings), met)


@dataclass(frozen=True)
class _Line:
    text: str
    ways: tuple[str, ...] = ()  # what accepts it; none where nothing does


def _lines(
    left: Sequence[Finding], findings: Sequence[Finding], entries: Sequence[Acceptance], hook: str
) -> Iterator[_Line]:
    """Yield a line for each finding; one for all of a kind of objects or columns, where there are many."""
    kinds: dict[str, list[Finding]] = {}
    for finding in left:
        kinds.setdefault(_kind(finding), []).append(finding)
    for kind, found in kinds.items():
        if len(found) <= _MOST or not kind:
            for finding in found:
                yield _line(finding, entries, hook)
            continue
        some = "".join(f"\n  {printable(one.name)}: {one.message}" for one in found[:_SHOWN])
        way = f"{kind}:*@{group_seen([one for one in findings if _kind(one) == kind])}"
        yield _Line(
            f"{kind}:*: {len(found):,} findings (all: findings.json of the run), for example{some}\n"
            f"  look at each, or accept exactly these: {accepting([way])}",
            (way,),
        )


def _line(finding: Finding, entries: Sequence[Acceptance], hook: str) -> _Line:
    text = f"{printable(finding.name)}: {finding.message}; {finding.remedy}"
    if not finding.acceptable:
        return _Line(text)
    then = sorted({entry.seen for entry in entries if entry.names(finding) and entry.seen})
    again = ""
    if then and finding.amount is not None:
        again = f"; it was accepted at {', '.join(then)}, and it is {finding.amount} now"
    elif then:
        again = f"; it was accepted as @{', @'.join(then)}, and it is another now, @{finding.seen}"
    way = f"accept it: {accepting([finding.acceptance])}"
    if finding.hooked and not hook:
        way = f"{way}, with that hook declared ({_HOOK}, a task file)"
        return _Line(f"{text}{again}; and {way}", (finding.acceptance,))
    return _Line(f"{text}{again}; or {way}", (finding.acceptance,))


def _all(kept: Sequence[str], ways: Sequence[str], lines: Sequence[_Line]) -> str:
    """Return how all that is listed is accepted at once, with what was accepted already."""
    if not ways or len(kept) + len(ways) == 1:
        return ""
    argument = accepting([*kept, *ways])
    if len(argument.encode()) > _LONGEST:
        return "\nthese are too many for one argument of a shell: accept them by patterns"
    which = "all of these" if len(ways) == len(lines) else "all of these that may be accepted"
    before = ", beside what is accepted already" if kept else ""
    return f"\nto accept {which}{before}: {argument}"


def _kind(finding: Finding) -> str:
    """Return what findings of one kind of objects, or of columns, have in common; empty for others."""
    first, _, rest = finding.name.partition(":")
    if first in OF_COLUMNS or first == NEW:
        return first
    return f"{first}:{rest.partition(':')[0]}" if first == "object" else ""
