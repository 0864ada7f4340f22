"""From a call of a module to the proof of what is served after a switch."""

from __future__ import annotations

import os
from pathlib import Path

from .reingest.services.group import CHECKED
from .reingest.services.proof import Proof, accepted_gap
from .runner import Call


def prove(call: Call) -> tuple[list[str], list[str]]:
    """Prove that the backend reads the snapshot; with state ``checked`` see that something will prove it.

    Returns:
        what is proven, a sentence each, and as a warning what is not, as an operator accepted it.

    Raises:
        Refusal: it is not proven, or nothing would prove it.
    """
    raw = call["served"]
    proof = Proof(portal=raw["portal"], login=bool(raw["dsn"] or raw["dsn_env"]))
    gap = accepted_gap(proof, call["accept"], snapshot=raw["snapshot"], release_known=raw["loaded"])
    if not proof.login:
        return ([gap], [gap]) if gap else ([], [])
    # Here: where the portal's own answer is the proof, nothing of a login is compiled.
    from .reingest.services.served import Backend, Expected, backend_login, prove_served

    backend = Backend(raw["dsn"], raw["dsn_env"], raw["host"], raw["port"], raw["beside"])
    login = backend_login(backend, os.environ)
    if call["state"] == CHECKED:
        return [], []
    if not call.check:
        data = Path(raw["data"]) if raw["data"] else None
        expected = Expected(raw["snapshot"], raw["loaded"], data)
        prove_served(login, expected, timeout=call["start_timeout"])
    return login.did(raw["snapshot"]), []
