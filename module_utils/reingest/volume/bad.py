"""What was found bad is promoted again only by force; the refusal says who marked it, when and why."""

from __future__ import annotations

from ..errors import Refusal
from .ledger import Entry, Ledger

_FORCE = "-e reingest_force=true"


def refuse_bad(ledger: Ledger, snapshot: str) -> None:
    """Refuse a snapshot that is bad, and a load of what a rollback left for being bad.

    Raises:
        Refusal: with who marked it, when and why.
    """
    line = ledger.bad_line(snapshot)
    if line is not None:
        raise Refusal(
            f"snapshot {snapshot} is bad, {_marked(line)}: promote another one, or this one with {_FORCE}"
        )
    load = ledger.load(snapshot)
    if load is not None and not ledger.was_live(snapshot):
        refuse_rolled_back(ledger, str(load.detail.get("digest", "")))


def refuse_rolled_back(ledger: Ledger, digest: str) -> None:
    """Refuse a load, made or still to come, of what a rollback left for being bad.

    Raises:
        Refusal: with who marked it, when and why.
    """
    line = ledger.rolled_back(digest)
    if line is not None:
        raise Refusal(
            f"the load has the dataset, the schema and the sources of snapshot {line.snapshot}, which is "
            f"bad, {_marked(line)}: correct what was wrong, which makes it another load, or promote it as it "
            f"is with {_FORCE}"
        )


def _marked(line: Entry) -> str:
    return f"marked by {line.operator} at {line.at} in run {line.run} ({line.why or 'no reason was given'})"
