"""What proves, after a switch, that the portal serves the new snapshot: decided before the window."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ..disclosure.command_line import accepting
from ..errors import Refusal

SERVED = "served"  # the name by which an operator accepts that nothing proves it

_NAMED = (
    "set reingest_portal_url, an address of the portal whose JSON answer names the release under "
    "reingest_portal_release_key, or reingest_backend_dsn (or reingest_backend_dsn_env), the backend's own "
    "connection string"
)
_LOGIN = "set reingest_backend_dsn (or reingest_backend_dsn_env), the backend's own connection string"


@dataclass(frozen=True)
class Proof:
    """What is declared; an address that only answers 200 is none: it may do so over an empty database."""

    portal: bool  # an address of the portal, and the key of its answer that names the release
    login: bool  # the backend's own connection string


def accepted_gap(
    proof: Proof, accepted: Collection[str], *, snapshot: str = "", release_known: bool = True
) -> str:
    """Return that nothing proves what is served, as an operator accepted it; empty where something does.

    Args:
        proof: what is declared.
        accepted: names of what an operator accepted.
        snapshot: the one that is to be served; empty while that is not planned yet.
        release_known: whether the ledger knows the snapshot's release; of an adopted one it does not.

    Raises:
        Refusal: nothing would prove it, and nobody accepted that.
    """
    if proof.login or (proof.portal and release_known):
        return ""
    gap = f"nothing would prove that the portal serves {snapshot or 'the new snapshot'}: "
    if proof.portal:
        gap += "reingest did not load it, so the portal's answer has no known release to name"
        remedy = _LOGIN
    else:
        gap += "neither an address that names the release nor the backend's login is declared"
        remedy = _NAMED
    if SERVED not in accepted:
        raise Refusal(f"{gap}; {remedy}, or accept it: {accepting([SERVED])}")
    return f"accepted: {SERVED}: {gap}"
