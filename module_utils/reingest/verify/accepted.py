"""What an operator accepted: names, patterns of them, and what was seen of each (`shrink:study@20`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..dataset.pattern import is_pattern, matches
from ..frame.finding import SEEN, Finding, digest

NEW = "new"  # the kind of a finding: a table that only a pattern gives to the load


@dataclass(frozen=True)
class Acceptance:
    """One entry of the list, as it is read beside the findings.

    Without ``seen`` it holds whatever is found of that name.
    """

    text: str  # as it was given
    name: str  # of a finding, or a pattern
    seen: str
    group: str  # what all findings of the name come to, see ``group_seen``

    def names(self, finding: Finding) -> bool:
        """Return whether a finding is meant, as it was seen or not."""
        return _stands_for(self.name, finding.name)

    def holds(self, finding: Finding) -> bool:
        """Return whether a finding is accepted by it."""
        return self.names(finding) and (self.seen in ("", self.group) or finding.holds(self.seen))


def read_accepted(given: Sequence[str], findings: Sequence[Finding]) -> list[Acceptance]:
    """Return the entries of a list; one that was divided at the commas of its name is put together."""
    return [_read(text, findings) for text in _whole(given, {finding.name for finding in findings})]


def group_seen(findings: Sequence[Finding]) -> str:
    """Return what was seen of several findings: an acceptance of them holds for exactly these."""
    return digest("\n".join(sorted(repr((finding.name, finding.seen)) for finding in findings)))


def _read(text: str, findings: Sequence[Finding]) -> Acceptance:
    name, _, seen = text.rpartition("@")
    if name and SEEN.fullmatch(seen):
        found = [finding for finding in findings if _stands_for(name, finding.name)]
        if found or not any(_stands_for(text, finding.name) for finding in findings):
            return Acceptance(text, name, seen, group_seen(found) if is_pattern(name) else "")
    return Acceptance(text, text, "", "")


def _stands_for(name: str, found: str) -> bool:
    return name == found or (is_pattern(name) and matches(name, found))


def _whole(given: Sequence[str], names: set[str]) -> Iterator[str]:
    """Yield the entries; a text is divided at its commas, also at those between a function's arguments."""
    pieces: list[str] = []
    for piece in given:
        if piece in names or piece.rpartition("@")[0] in names:
            yield from pieces
            pieces = []
            yield piece
            continue
        pieces.append(piece)
        text = ",".join(pieces)
        if text.count("(") <= text.count(")") and not text.count('"') % 2:
            yield text
            pieces = []
    if pieces:
        yield ",".join(pieces)
