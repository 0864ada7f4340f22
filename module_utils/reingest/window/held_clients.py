"""The clients of a portal in a recovery: held while production changes, and let go on when it serves.

Both need psycopg2, which not every host has: it is imported where there is something to do.
"""

from __future__ import annotations

from ..errors import Refusal
from .host import Host, Told

_ANSWER_S = 5.0


def hold_clients(host: Host, *, dry: bool) -> Told:
    """Hold the clients, for the way back; a warning says why not: their writers are stopped then."""
    told = Told()
    if dry:
        told.did.append("hold the clients of the portal at their poolers")
        return told
    from ..poolers.hold import Patience, WayOut, hold
    from ..poolers.model import restored

    try:
        ended = hold(
            restored(host.poolers),
            Patience(answer=_ANSWER_S),
            WayOut(ends=bool(host.login), login=host.login),
        )
    except Refusal as refusal:
        told.warnings.append(f"the writers were stopped, as their clients cannot be held: {refusal}")
    else:
        told.did += ["hold the clients of the portal at their poolers", *ended]
    return told


def let_go(host: Host, *, dry: bool) -> Told:
    """Let the clients go on: production serves."""
    told = Told()
    if dry:
        return told
    from ..poolers.hold import resume
    from ..poolers.model import restored

    done = resume(restored(host.poolers), _ANSWER_S)
    told.did += done.did
    told.faults += done.faults
    told.warnings += done.away
    return told
