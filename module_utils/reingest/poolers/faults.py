"""What at a pooler would turn a held moment into an outage, found while production serves."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from ..errors import Refusal, texts_of
from ..refusals import Refused
from .console import Console, console
from .model import Pooler
from .seen import SESSION, Entry, entries, entry, pool_modes, settings

LONGEST_RETRY_S = 1.0  # after which a pooler must try again what it found closed, or ask again for a name
_RETRY = "server_login_retry"
_NAMES = ("dns_nxdomain_ttl", "dns_max_ttl")
_WAITS = ("query_wait_timeout", "query_timeout", "client_login_timeout")


@dataclass(frozen=True)
class Fault:
    """One thing: what, and what to do; ``name`` is what an operator accepts it by, empty: nobody can."""

    text: str
    name: str = ""


@dataclass(frozen=True)
class Needs:
    """What a switch needs of its poolers."""

    window: float  # seconds for which clients may have to wait
    ends: bool = False  # whether clients that block are ended (``reingest_hold_blocked: end``)


def faults(poolers: Sequence[Pooler], needs: Needs, *, seconds: float) -> list[Fault]:
    """Look at all poolers, side by side, and return all that is wrong.

    Args:
        poolers: those that are to hold clients.
        needs: what the switch needs of them.
        seconds: how long each may take to answer a question.
    """
    refused = Refused()
    found = refused.ask([partial(_faults, pooler, poolers, needs, seconds) for pooler in poolers])
    told = [Fault(text) for refusal in refused.found for text in texts_of(refusal)]
    return [*told, *(fault for each in found for fault in each or ())]


def server_databases(poolers: Sequence[Pooler], seconds: float) -> list[str]:
    """Return the databases, as the server calls them, that the poolers lead to.

    Raises:
        Refusal: one cannot be asked.
    """
    found = []
    for pooler in poolers:
        with console(pooler, seconds) as at:
            found.append(entry(at, seconds).database)
    return list(dict.fromkeys(found))


def _faults(pooler: Pooler, all_: Sequence[Pooler], needs: Needs, seconds: float) -> list[Fault]:
    with console(pooler, seconds) as at:
        own = entry(at, seconds)
        set_ = settings(at, seconds)
        known = entries(at, seconds, set_.get("pool_mode", ""))
        _try_rights(at, own, seconds)
        used = pool_modes(at, seconds)
    modes = {known.get(pooler.database, own).pool_mode, *used}
    return [
        *_of_entry(pooler, own),
        *_beside(pooler, own, known, all_),
        *_of_mode(pooler, modes, needs),
        *_of_waits(pooler, set_, needs),
        *_of_retries(pooler, own, set_),
    ]


def _try_rights(at: Console, own: Entry, seconds: float) -> None:
    """Say what only an admin may, and what changes nothing: RESUME where nothing is paused.

    Raises:
        Refusal: the user may only look (``stats_users``).
    """
    if own.paused:
        return  # somebody else's; told as a fault
    try:
        at.ask(f"RESUME {at.quoted()}", seconds)
    except Refusal as refusal:
        if "is not paused" not in str(refusal):
            raise


def _of_entry(pooler: Pooler, own: Entry) -> list[Fault]:
    found = []
    if own.disabled:
        found.append(Fault(f"{pooler} is disabled: say ENABLE {pooler.database} at its admin console"))
    if own.paused:
        found.append(
            Fault(
                f"{pooler} is paused already, so somebody else holds its clients: find out why, then say "
                f"RESUME {pooler.database} at its admin console"
            )
        )
    return found


def _beside(pooler: Pooler, own: Entry, known: dict[str, Entry], all_: Sequence[Pooler]) -> list[Fault]:
    """Return the other names by which this pooler leads to the same database: nobody would hold them."""
    named = {other.database for other in all_ if other.place == pooler.place}
    others = [one.name for one in known.values() if one.server == own.server and one.name not in named]
    return [
        Fault(
            f"the pooler at {pooler.place} leads to the same database by {name}, too, whose clients would "
            "not be held: add it to reingest_poolers"
        )
        for name in others
    ]


def _of_mode(pooler: Pooler, modes: set[str], needs: Needs) -> list[Fault]:
    if SESSION not in modes or needs.ends:
        return []
    return [
        Fault(
            f"{pooler} pools sessions: a client keeps its session of the server until it leaves, "
            "and no switch begins before; set pool_mode = transaction where the portal can do with that, or "
            "have the clients that stay ended: reingest_hold_blocked: end"
        )
    ]


def _of_waits(pooler: Pooler, set_: dict[str, str], needs: Needs) -> list[Fault]:
    found = []
    for name in _WAITS:
        limit = _number(set_, name)
        if 0 < limit < needs.window:
            found.append(
                Fault(
                    f"the pooler at {pooler.place} lets its clients wait {limit:g} s ({name}), and the "
                    f"switch may take {needs.window:g} s: "
                    f"set {name} = {needs.window:.0f} or more, and reload it"
                )
            )
    return found


def _of_retries(pooler: Pooler, own: Entry, set_: dict[str, str]) -> list[Fault]:
    names = [_RETRY, *(_NAMES if _is_name(own.host) else ())]
    told = {
        _RETRY: "tries a server that it found closed again only after",
        _NAMES[0]: f"takes {own.host} for unknown, as it is while its container is stopped, for",
        _NAMES[1]: f"uses the old address of {own.host}, which a container may change as it starts, for",
    }
    return [
        Fault(
            f"the pooler at {pooler.place} {told[name]} {_number(set_, name):g} s: clients may wait that "
            f"long after the switch; set {name} = 1 and reload it",
            f"hold:{name}",
        )
        for name in names
        if _number(set_, name) > LONGEST_RETRY_S
    ]


def _number(set_: dict[str, str], name: str) -> float:
    with suppress(ValueError):
        return float(set_.get(name, "0"))
    return 0.0


def _is_name(host: str) -> bool:
    """Return whether a host is asked for in the DNS: no address, no socket, not this machine."""
    if not host or host.startswith(("/", "@")) or host == "localhost":
        return False
    with suppress(ValueError):
        ipaddress.ip_address(host)
        return False
    return True
