"""Those who wait for a portal, in a recovery: held clients go on, the maintenance answer ends.

Poolers need psycopg2, which not every host has: it is imported where there is something to do.
"""

from __future__ import annotations

from ..errors import Refusal
from .host import Host, Told

_ANSWER_S = 5.0


def hold_clients(host: Host, *, dry: bool) -> Told:
    """Hold the clients, for the way back; nothing done: the writers are stopped."""
    told = Told()
    if not host.poolers:
        return told
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
    if dry or not host.poolers:
        return told
    from ..poolers.hold import resume
    from ..poolers.model import restored

    done = resume(restored(host.poolers), _ANSWER_S)
    told.did += done.did
    told.faults += done.faults
    told.warnings += done.away
    return told


def end_maintenance(host: Host, *, dry: bool) -> Told:
    """Take the maintenance answer away: the portal serves, or there never was one."""
    told = Told()
    if dry or not host.maintenance_off:
        return told
    from ..services.announce import run_declared

    try:
        told.did.append(run_declared(host.maintenance_off, "reingest_maintenance_off"))
    except Refusal as refusal:
        told.faults.append(str(refusal))
    return told
