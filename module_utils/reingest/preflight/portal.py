"""What proves a switch, asked while production still serves: it must prove what is served now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..disclosure.secrets import masked, secret_texts
from ..engines.model import Health
from ..errors import Refusal
from ..services.health import answer
from .found import LOGIN, PORTAL, Found

if TYPE_CHECKING:
    from ..services.served import Login


def check_portal(url: str, key: str, release: str, *, timeout: float) -> list[Found]:
    """Ask the portal's address as the end of a switch will.

    Args:
        url: the address.
        key: which key of its JSON answer names the release; empty: it names none.
        release: the release that is live; empty: nobody knows, as of an adopted snapshot.
        timeout: seconds for it to answer.
    """
    named = {key: release} if key and release else {}
    try:
        reason = answer(Health(http=url, json=named), timeout)
    except Refusal as refusal:
        reason = str(refusal)
    if not reason:
        return []
    text = masked(reason, secret_texts((url,)))
    remedy = "correct reingest_portal_url" + (" or reingest_portal_release_key" if named else "")
    told = f"the portal does not prove what it serves now: {text}; a switch would go back for that, {remedy}"
    return [Found(told, PORTAL)]


def little_proof(url: str, key: str) -> list[str]:
    """Return that an address names no release, where it does not."""
    if not url or key:
        return []
    return [
        f"{masked(url, secret_texts((url,)))} names no release (reingest_portal_release_key): its 200 proves "
        "little, it may be answered over an empty database"
    ]


def check_login(login: Login, live: str, *, loaded: bool, data: Path) -> list[Found]:
    """Read what is live by the backend's own login, as the end of a switch will.

    Args:
        login: the login.
        live: the snapshot that is live.
        loaded: whether reingest loaded it, so that its database holds the id.
        data: production's data directory.
    """
    from ..services.served import Expected, prove_served

    try:
        prove_served(login, Expected(live, loaded, data), timeout=0)
    except Refusal as refusal:
        return [Found(f"{refusal}; a switch would go back for that", LOGIN)]
    return []
