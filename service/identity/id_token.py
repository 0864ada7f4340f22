"""A token of identity (OpenID Connect Core 3.1.3.7), checked in full: a library's defaults accept too much.

``sub`` alone says who it is; names and mail are neither asked for nor looked at. What the checks do not need
(``amr`` as ORCID's members have it, say) may have any form.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.volume.operators import orcid

_ALGORITHM = "RS256"
_LEEWAY_S = 30.0  # between two clocks
_LONGEST = 16 << 10  # characters


class SignInError(Exception):
    """Nobody is signed in; the text says why."""


class TooOld(SignInError):  # noqa: N818 - it says when, not that it is wrong
    """The person signed in at the provider too long ago."""


@dataclass(frozen=True)
class Identity:
    """Who signed in."""

    person: str  # ORCID iD
    authenticated: float  # seconds since the epoch


@dataclass(frozen=True)
class Expected:
    """What a token must say."""

    issuer: str
    client_id: str
    nonce: str
    longest_login: float  # seconds
    now: float


def identity(token: str, key_of: Callable[[str | None], dict[str, Any]], expected: Expected) -> Identity:
    """Return whose token it is.

    Args:
        token: the id_token, compact.
        key_of: returns the provider's public key of that id.
        expected: what it must say.

    Raises:
        TooOld: all is well, but the person signed in too long ago.
        SignInError: the token is not for us, not now, or not from the provider.
    """
    header = _header(token)
    if header.get("alg") != _ALGORITHM:
        raise SignInError(f"the token is signed by {header.get('alg')!r}: only {_ALGORITHM} counts")
    kid = header.get("kid")
    if not (kid is None or isinstance(kid, str)):
        raise SignInError("the token's header is malformed")
    try:
        claims = jwt.decode(token, RSAKey.import_key(key_of(kid)), algorithms=[_ALGORITHM]).claims
    except (JoseError, ValueError) as error:
        raise SignInError(f"the token's signature is wrong ({type(error).__name__})") from None
    return _checked(claims, expected)


def _header(token: str) -> dict[str, Any]:
    part = token.partition(".")[0]
    if len(token) > _LONGEST or token.count(".") != 2:
        raise SignInError("the token is malformed")
    try:
        header = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        raise SignInError("the token is malformed") from None
    if not isinstance(header, dict):
        raise SignInError("the token is malformed")
    return header


def _checked(claims: dict[str, Any], expected: Expected) -> Identity:
    if claims.get("iss") != expected.issuer:
        raise SignInError(f"the token is of another issuer than {expected.issuer}")
    audience = claims.get("aud")
    if audience not in (expected.client_id, [expected.client_id]):
        raise SignInError("the token is for another audience")
    if claims.get("azp", expected.client_id) != expected.client_id:
        raise SignInError("the token was given to another party")
    if _time(claims, "exp") <= expected.now - _LEEWAY_S:
        raise SignInError("the token has expired")
    for name in ("iat", "nbf"):
        if (name in claims or name == "iat") and _time(claims, name) > expected.now + _LEEWAY_S:
            raise SignInError("the token is of the future: compare the clocks")
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), expected.nonce.encode()):
        raise SignInError("the token is not of this login")
    try:
        person = orcid(str(claims.get("sub", "")))
    except Refusal:
        raise SignInError("the token's subject is no ORCID iD") from None
    authenticated = _time(claims, "auth_time")
    if authenticated > expected.now + _LEEWAY_S:
        raise SignInError("the token is of the future: compare the clocks")
    if authenticated < expected.now - expected.longest_login - _LEEWAY_S:
        raise TooOld("you signed in there too long ago")
    return Identity(person, authenticated)


def _time(claims: dict[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise SignInError(f"the token has no {name}")
    return float(value)
