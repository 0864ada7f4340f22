"""Hold a portal's clients at their poolers, all of them or none, and let them go on.

``PAUSE`` lets transactions end and keeps every later one waiting, so the portal is slow for a moment instead
of away. It stays when the session that asked for it ends, and goes when the pooler is restarted.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import psycopg2

from ..errors import Refusal, texts_of
from ..postgres.dsn import connect
from ..refusals import Refused
from .console import Away, Console, Late, Silent, console
from .model import Pooler
from .seen import Session, entry, sessions

GIVE_UP, END = "give_up", "end"  # what becomes of a hold that a client keeps from coming about
_POLL_S = 0.02
_END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = ANY(%s) AND datname = %s"


@dataclass(frozen=True)
class Patience:
    """How many seconds transactions have to end, sessions that were ended to be gone, a pooler to answer."""

    drain: float = 5.0
    end: float = 15.0
    answer: float = 5.0


@dataclass(frozen=True)
class WayOut:
    """What is done with clients whose transaction does not end in time."""

    ends: bool = False  # end their sessions; else the hold is given up
    login: str = ""  # of a superuser at the server, who ends them


@dataclass(frozen=True)
class Resumed:
    """What came of letting clients go on."""

    did: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    away: tuple[str, ...] = ()  # poolers that do not run: they hold and serve no client


def hold(poolers: Sequence[Pooler], patience: Patience, way_out: WayOut) -> list[str]:
    """Hold all clients; when this returns no transaction of theirs is open, and none begins.

    Returns:
        Who was ended for it, a line each.

    Raises:
        Refusal: one pooler cannot hold its clients. Then all of them go on.
    """
    refused = Refused()
    ended = refused.ask([partial(_hold, pooler, patience, way_out) for pooler in poolers])
    if refused.found:
        back = resume(poolers, patience.answer, patient=False)
        texts = [text for refusal in refused.found for text in texts_of(refusal)]
        raise Refusal("; ".join([*texts, *back.faults, "no pooler holds clients for this"]))
    return [line for lines in ended for line in lines]


def hold_again(poolers: Sequence[Pooler], patience: Patience) -> list[str]:
    """Hold again those clients whose pooler lets them go on, for it was restarted; return what was found.

    A pooler that is away holds nobody, and does not end the switch: the fence, and a server that is stopped,
    keep its clients out. They see errors until it is back.
    """
    refused = Refused()
    found = refused.ask([partial(_hold_again, pooler, patience) for pooler in poolers])
    told = [text for refusal in refused.found for text in texts_of(refusal)]
    return [*filter(None, found), *told]


def resume(poolers: Sequence[Pooler], seconds: float, *, patient: bool = True) -> Resumed:
    """Let all clients go on; what is not held is no fault.

    Args:
        poolers: the poolers.
        seconds: how long one may take to answer.
        patient: ask one that is away again within that time: it may be starting.
    """
    refused = Refused()
    did = refused.ask([partial(_resume, pooler, seconds, patient=patient) for pooler in poolers])
    away = [f"{refusal}; its clients see errors until then" for refusal in refused.found if _away(refusal)]
    faults = [
        f"{text}; its clients may be held until RESUME is said at its admin console"
        for refusal in refused.found
        if not _away(refusal)
        for text in texts_of(refusal)
    ]
    return Resumed(tuple(filter(None, did)), tuple(faults), tuple(away))


def _away(refusal: Refusal) -> bool:
    return isinstance(refusal, Away)


def held(pooler: Pooler, seconds: float) -> bool:
    """Return whether a pooler holds its clients.

    Raises:
        Refusal: it cannot be asked.
    """
    with console(pooler, seconds) as at:
        return entry(at, seconds).paused


def _hold(pooler: Pooler, patience: Patience, way_out: WayOut) -> list[str]:
    with console(pooler, patience.answer) as at:
        server = entry(at, patience.answer).database
        if _paused(at, patience.drain):
            return []
    with console(pooler, patience.answer) as at:  # the other one's question stands until all is paused
        left = sessions(at, patience.answer)
        names = "; ".join(map(str, left)) or "its last session ended just then"
        if not way_out.ends:
            raise Refusal(
                f"{pooler} still works after {patience.drain:g} s (reingest_drain): {names}; end these "
                "transactions, or have them ended: reingest_hold_blocked: end"
            )
        _end(left, way_out.login, server)
        if _paused(at, patience.end):
            return [f"end {session}, which kept {pooler} from pausing" for session in left]
    raise Refusal(
        f"{pooler} still works {patience.end:g} s (reingest_give_up) after its sessions were ended: {names}"
    )


def _paused(at: Console, seconds: float) -> bool:
    try:
        at.ask(f"PAUSE {at.quoted()}", seconds)
    except Late:
        return False
    return True


def _end(left: Sequence[Session], login: str, database: str) -> None:
    """End sessions at the server, so that only those clients see an error.

    Raises:
        Refusal: the server does not answer, or the login may not do it.
    """
    with closing(connect(login, application_name="reingest hold", autocommit=True)) as connection:
        try:
            with connection.cursor() as cursor:
                cursor.execute(_END, ([session.server_pid for session in left], database))
        except psycopg2.Error as error:
            told = str(error).strip().splitlines()[0]
            raise Refusal(f"sessions that keep a pooler from pausing cannot be ended: {told}") from None


def _hold_again(pooler: Pooler, patience: Patience) -> str:
    try:
        with console(pooler, patience.answer) as at:
            if entry(at, patience.answer).paused:
                return ""
            done = _paused(at, patience.drain)
    except Silent as silent:
        return f"{silent}; its clients are not held"
    told = f"{pooler} had let its clients go on, for it was restarted or resumed: it holds them again"
    return told if done else f"{told}, once their transactions end"


def _resume(pooler: Pooler, seconds: float, *, patient: bool) -> str:
    deadline = time.monotonic() + (seconds if patient else 0)
    found = _resumed(pooler, seconds)
    while isinstance(found, Silent):
        if time.monotonic() > deadline:
            raise found
        time.sleep(_POLL_S)
        found = _resumed(pooler, seconds)
    return found


def _resumed(pooler: Pooler, seconds: float) -> str | Silent:
    """Let clients go on; return what was done, or that the pooler does not answer."""
    try:
        with console(pooler, seconds) as at:
            if not entry(at, seconds).paused:
                return ""
            at.ask(f"RESUME {at.quoted()}", seconds)
    except Silent as silent:
        return silent
    return f"let the clients of {pooler} go on"
