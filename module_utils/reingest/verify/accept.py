"""Which findings an operator accepted by name, and what is left to refuse."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..dataset.pattern import is_pattern, matches
from ..frame.finding import Finding

_MOST = 10  # findings of one kind that have a line each
_SHOWN = 3  # of more, as examples

_HOOK = "reingest_after_promote"

# Accepted elsewhere: in preflight, by the switch, by the pruning.
_ELSEWHERE = re.compile("served|portal|login|health:.*|rows|rows:.*")


@dataclass(frozen=True)
class Verdict:
    """``refusal`` is empty when nothing is left to refuse."""

    refusal: str
    warnings: tuple[str, ...]


def judge(
    findings: Sequence[Finding],
    accepted: Collection[str],
    *,
    hook: str = "",
    what: str = "the load is not fit to be promoted",
    whole: bool = True,
) -> Verdict:
    """Return one refusal, with a line for each finding that was not accepted, and warnings for the rest.

    Args:
        findings: what was found.
        accepted: the names that an operator accepted, or patterns of them (`object:view:*`).
        hook: the task file that the operator declared for what is to be put right after the promotion.
        what: what the refusal begins with.
        whole: whether a name that was accepted must be among the findings; else another step may find it.
    """
    accepted = list(_whole(accepted))
    exact, patterns = set(accepted), [name for name in accepted if is_pattern(name)]
    met = [
        finding
        for finding in findings
        if _may_be(finding, hook)
        and (finding.name in exact or any(matches(one, finding.name) for one in patterns))
    ]
    warnings = [f"accepted: {finding.name}: {finding.message}" for finding in met]
    if whole:
        names = {finding.name for finding in findings}
        unmet = [
            name
            for name in accepted
            if name not in names
            and not _ELSEWHERE.fullmatch(name)
            and not (is_pattern(name) and any(matches(name, one) for one in names))
        ]
        warnings.extend(f"{name} was accepted, but nothing of that name was found" for name in unmet)
    known = set(met)
    left = [finding for finding in findings if finding not in known]
    lines = "".join(f"\n- {line}" for line in _lines(left, hook))
    count = "1 finding" if len(left) == 1 else f"{len(left)} findings"
    refusal = f"{what}, {count}:{lines}" if left else ""
    return Verdict(refusal, tuple(warnings))


def _whole(accepted: Iterable[str]) -> Iterator[str]:
    """Yield names, those of functions too, whose arguments a list of one text is divided at."""
    name = ""
    for piece in accepted:
        name = f"{name},{piece}" if name else piece
        if name.count("(") <= name.count(")") and not name.count('"') % 2:
            yield name
            name = ""
    if name:
        yield name


def _lines(left: Sequence[Finding], hook: str) -> Iterator[str]:
    """Yield a line for each finding; one for all of a kind of objects, where there are many."""
    kinds: dict[str, list[Finding]] = {}
    for finding in left:
        kinds.setdefault(_kind(finding), []).append(finding)
    for kind, found in kinds.items():
        if len(found) <= _MOST or not kind:
            for finding in found:
                yield f"{finding.name}: {finding.message}; {finding.remedy}{_way(finding, hook)}"
            continue
        some = "".join(f"\n  {finding.name}: {finding.message}" for finding in found[:_SHOWN])
        yield f"{kind}:*: {len(found):,} findings (all: findings.json of the run), for example{some}\n  " + (
            f"look at each, or accept {kind + ':*'!r}"
        )


def _kind(finding: Finding) -> str:
    """Return what the findings of one kind of objects have in common; empty for others."""
    first, _, rest = finding.name.partition(":")
    return f"{first}:{rest.partition(':')[0]}" if first == "object" else ""


def _may_be(finding: Finding, hook: str) -> bool:
    return finding.acceptable and (bool(hook) or not finding.hooked)


def _way(finding: Finding, hook: str) -> str:
    """Return how a finding is accepted."""
    if not finding.acceptable:
        return ""
    if finding.hooked and not hook:
        return f", and accept {finding.name!r} with that hook declared ({_HOOK}, a task file)"
    return f", or accept {finding.name!r}"
