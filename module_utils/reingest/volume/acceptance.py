"""How an operator accepts a ledger whose chain is broken: on the record, and exactly as it was looked at."""

from __future__ import annotations

from ..errors import Refusal
from .chain import ACCEPTED, read_chain
from .layout import Volume
from .ledger import append, survey_ledger

DID = "accept the ledger, which was changed by something other than reingest, as it is"


def plan_acceptance(volume: Volume, content: str, *, run: str) -> list[str]:
    """Return what accepting it does, a sentence; none where the same run has accepted it before.

    Args:
        volume: the volume.
        content: SHA-256 of the whole ledger, as status and the refusals show it.
        run: the run that accepts it.

    Raises:
        Refusal: its chain is not broken, or it is not the ledger that was looked at.
    """
    chain = read_chain(volume)
    if not chain.breaks:
        entries = survey_ledger(volume)[0].entries
        if entries and (entries[-1].state, entries[-1].run) == (ACCEPTED, run):
            return []
        raise Refusal(f"the chain of {volume.ledger} is not broken: leave out reingest_accept_ledger")
    if chain.content != content:
        raise Refusal(
            f"{volume.ledger} is not the ledger that reingest_accept_ledger names ({content!r}): its SHA-256 "
            f"is {chain.content}; look at it again, then accept that"
        )
    return [DID]


def accept_ledger(volume: Volume, *, run: str, operator: str) -> None:
    """Write down that an operator accepts the ledger; its chain starts anew with that line.

    The verb lock of the run must be held.
    """
    chain = read_chain(volume)
    broken = [str(one) for one in chain.breaks]
    detail = {"content": chain.content, "broken": broken}
    append(volume, ACCEPTED, "", run=run, operator=operator, why="; ".join(broken), detail=detail)
