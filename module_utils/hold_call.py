"""From a call of a module to clients that are held at their poolers, and that go on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from .pooler_call import poolers_of
from .reingest.errors import Refusal
from .reingest.poolers.spec import POOLERS
from .runner import Call, Outcome
from .served_call import SERVED, login_of

if TYPE_CHECKING:
    from .reingest.poolers.hold import Patience
    from .reingest.poolers.model import Pooler

# Of a switch that holds clients; beside it `production_dsn`, `drain` and `give_up`.
HOLD: dict[str, Any] = {
    "poolers": POOLERS,
    "hold_blocked": {"type": "str", "choices": ["give_up", "end"], "default": "give_up"},
    "served": {"type": "dict", "options": SERVED},
}
_ANSWER_S = 5.0


def hold_clients(call: Call) -> Outcome:
    """Hold the clients, so that no transaction of theirs is open and none begins."""
    poolers = poolers_of(call)
    did = [f"hold the clients of {pooler}" for pooler in poolers]
    if call.check:
        return Outcome(bool(did), did)
    from .reingest.poolers.hold import WayOut, hold

    way_out = WayOut(ends=call["hold_blocked"] == "end", login=call["production_dsn"])
    ended = hold(poolers, _patience(call), way_out)
    return Outcome(True, [*did, *ended], warnings=ended)


@contextmanager
def keeping(call: Call, warnings: list[str]) -> Iterator[None]:
    """Hold the clients again wherever a pooler is restarted, until the block ends; each is a warning."""
    from .reingest.poolers.keeper import kept

    found: list[str] = []
    try:
        with kept(poolers_of(call), _patience(call)) as found:
            yield
    finally:
        warnings += found


def release_clients(call: Call) -> Outcome:
    """Let the clients go on, once the server lets in whom they log in as."""
    poolers = poolers_of(call)
    if call.check:
        return Outcome(bool(poolers), [f"let the clients of {pooler} go on" for pooler in poolers])
    from .reingest.poolers.hold import resume
    from .reingest.poolers.login import wait_for_login

    for dsn in logins_of(call, poolers):
        wait_for_login(dsn, timeout=call["start_timeout"])
    done = resume(poolers, _ANSWER_S)
    if done.faults:
        raise Refusal("; ".join(done.faults))
    return Outcome(bool(done.did), done.did, warnings=done.away)


def logins_of(call: Call, poolers: Sequence[Pooler]) -> list[str]:
    """Return the connection strings by which a pooler's clients reach the server: tried before they go on.

    Raises:
        Refusal: one cannot be made.
    """
    from .reingest.poolers.console import Silent, console
    from .reingest.poolers.login import direct
    from .reingest.poolers.seen import entry

    login = login_of(call) if call.params.get("served") else None
    names = []
    for pooler in poolers:
        name = pooler.database
        with suppress(Silent), console(pooler, _ANSWER_S) as at:  # one that is away has nobody who goes on
            name = entry(at, _ANSWER_S).database
        names.append(name)
    client = login.dsn if login is not None else ""
    return [direct(client, call["production_dsn"], name) for name in dict.fromkeys(names)]


def _patience(call: Call) -> Patience:
    from .reingest.poolers.hold import Patience

    return Patience(call["drain"], call["give_up"], _ANSWER_S)
