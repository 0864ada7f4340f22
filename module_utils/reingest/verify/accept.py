"""Which findings an operator accepted by name, and what is left to refuse."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ..frame.finding import Finding

_HOOK = "reingest_after_promote"

# Accepted elsewhere: in preflight, by the switch, by the pruning.
_ELSEWHERE = re.compile("served|rows|rows:.*")


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
        accepted: the names that an operator accepted.
        hook: the task file that the operator declared for what is to be put right after the promotion.
        what: what the refusal begins with.
        whole: whether a name that was accepted must be among the findings; else another step may find it.
    """
    met = [finding for finding in findings if finding.name in accepted and _may_be(finding, hook)]
    warnings = [f"accepted: {finding.name}: {finding.message}" for finding in met]
    if whole:
        names = {finding.name for finding in findings}
        unmet = [name for name in accepted if name not in names and not _ELSEWHERE.fullmatch(name)]
        warnings.extend(f"{name} was accepted, but nothing of that name was found" for name in unmet)
    left = [finding for finding in findings if finding not in met]
    lines = "".join(
        f"\n- {finding.name}: {finding.message}; {finding.remedy}{_way(finding, hook)}" for finding in left
    )
    count = "1 finding" if len(left) == 1 else f"{len(left)} findings"
    refusal = f"{what}, {count}:{lines}" if left else ""
    return Verdict(refusal, tuple(warnings))


def _may_be(finding: Finding, hook: str) -> bool:
    return finding.acceptable and (bool(hook) or not finding.hooked)


def _way(finding: Finding, hook: str) -> str:
    """Return how a finding is accepted."""
    if not finding.acceptable:
        return ""
    if finding.hooked and not hook:
        return f", and accept {finding.name!r} with that hook declared ({_HOOK}, a task file)"
    return f", or accept {finding.name!r}"
