"""Which findings an operator accepted by name, and what is left to refuse."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from .checks import Finding

# Accepted elsewhere: in preflight, by the switch, by the pruning.
_ELSEWHERE = re.compile("served|rows|rows:.*")


@dataclass(frozen=True)
class Verdict:
    """``refusal`` is empty when nothing is left to refuse."""

    refusal: str
    warnings: tuple[str, ...]


def judge(findings: Sequence[Finding], accepted: Collection[str]) -> Verdict:
    """Return one refusal, with a line for each finding that was not accepted, and warnings for the rest."""
    names = {finding.name for finding in findings}
    warnings = [
        f"accepted: {finding.name}: {finding.message}" for finding in findings if finding.name in accepted
    ]
    unmet = [name for name in accepted if name not in names and not _ELSEWHERE.fullmatch(name)]
    warnings.extend(f"{name} was accepted, but nothing of that name was found" for name in unmet)
    left = [finding for finding in findings if finding.name not in accepted]
    lines = "".join(
        f"\n- {finding.name}: {finding.message}; {finding.remedy}, or accept {finding.name!r}"
        for finding in left
    )
    count = "1 finding" if len(left) == 1 else f"{len(left)} findings"
    refusal = f"the load is not fit to be promoted, {count}:{lines}" if left else ""
    return Verdict(refusal, tuple(warnings))
