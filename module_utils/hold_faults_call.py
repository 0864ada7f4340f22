"""From a call of module run_check to what would keep clients from being held, or hold them for too long."""

from __future__ import annotations

from functools import partial

from .hold_call import logins_of
from .pooler_call import poolers_in
from .reingest.errors import Refusal
from .reingest.preflight.found import Found
from .runner import Call

_CHOICES = (
    ("reingest_hold", "kind", ("pgbouncer",), "pgbouncer is what there is"),
    ("reingest_hold_blocked", "blocked", ("give_up", "end"), "give_up or end"),
    ("reingest_hold_restart", "restart", ("", "rolling"), "rolling, or leave it out"),
)
_UNTOLD_S = 30.0  # for which clients may have to wait, where there is no budget


def faults_of_hold(call: Call, *, serves: bool) -> list[Found]:
    """Return what would keep clients from being held, or hold them for too long, before a run begins.

    Args:
        call: of module run_check.
        serves: whether production runs, so that the login can be tried.
    """
    asked = call["hold"]
    wrong = [
        Found(f"{name} is {asked[key]!r}: {told}")
        for name, key, known, told in _CHOICES
        if asked[key] not in known
    ]
    if not asked["poolers"]:
        wrong.append(Found("reingest_hold is set, and reingest_poolers names no pooler: name all of them"))
    if wrong:
        return wrong
    from .reingest.poolers.faults import Needs
    from .reingest.preflight.poolers import check_poolers

    try:
        poolers = poolers_in(asked["poolers"])
    except Refusal as refusal:
        return [Found(str(refusal))]
    logins = partial(logins_of, call, poolers) if serves else None
    needs = Needs(_window(call, asked["window"]), ends=asked["blocked"] == "end")
    return check_poolers(poolers, needs, logins, timeout=call["timeout"])


def _window(call: Call, budget: float) -> float:
    """Return for how many seconds clients may have to wait: never less than earlier switches predict."""
    from .reingest.outage.line import predicted_outage
    from .reingest.volume.ledger import readable_ledger

    predicted = predicted_outage(readable_ledger(call.volume)) if call["volume"] else 0.0
    return max(budget or _UNTOLD_S, predicted)
