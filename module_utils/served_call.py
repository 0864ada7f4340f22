"""From a call of a module to the proof of what is served after a switch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .runner import Call

if TYPE_CHECKING:
    from .reingest.services.served import Login

SERVED: dict[str, Any] = {
    "portal": {"type": "bool", "default": False},
    "dsn": {"type": "str", "default": "", "no_log": True},
    "dsn_env": {"type": "str", "default": ""},
    "host": {"type": "str", "default": ""},
    "port": {"type": "str", "default": ""},
    "beside": {"type": "bool", "default": True},
    "snapshot": {"type": "str", "default": ""},
    "loaded": {"type": "bool", "default": True},
    "data": {"type": "path", "default": ""},
}


def gap_of(call: Call) -> str:
    """Return that nothing proves what is served, as an operator accepted it; empty where something does.

    Raises:
        Refusal: nothing would prove it, and nobody accepted that.
    """
    from .reingest.services.proof import Proof, accepted_gap

    raw = call["served"]
    proof = Proof(portal=raw["portal"], login=bool(raw["dsn"] or raw["dsn_env"]))
    return accepted_gap(proof, call["accept"], snapshot=raw["snapshot"], release_known=raw["loaded"])


def login_of(call: Call) -> Login | None:
    """Return the backend's own login; None where none is declared.

    Raises:
        Refusal: it is not one that can be tried.
    """
    raw = call["served"]
    if not (raw["dsn"] or raw["dsn_env"]):
        return None
    # Here: where the portal's own answer is the proof, nothing of a login is compiled.
    from .reingest.services.served import Backend, backend_login

    backend = Backend(raw["dsn"], raw["dsn_env"], raw["host"], raw["port"], raw["beside"])
    return backend_login(backend, os.environ)


def prove(call: Call) -> tuple[list[str], list[str]]:
    """Prove that the backend reads the snapshot.

    Returns:
        what is proven, a sentence each, and as a warning what is not, as an operator accepted it.

    Raises:
        Refusal: it is not proven.
    """
    raw, gap = call["served"], gap_of(call)
    login = login_of(call)
    if login is None:
        return ([gap], [gap]) if gap else ([], [])
    if not call.check:
        from .reingest.services.served import Expected, prove_served

        data = Path(raw["data"]) if raw["data"] else None
        expected = Expected(raw["snapshot"], raw["loaded"], data)
        prove_served(login, expected, timeout=call["start_timeout"])
    return login.did(raw["snapshot"]), []
