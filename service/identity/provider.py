"""The provider of identities: its addresses and its keys, and the exchange of a code."""

from __future__ import annotations

import threading
import time
from typing import Any
from urllib.parse import urlsplit

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client

from ..settings import Oidc, secret_of
from .id_token import SignInError

_FRESH_S = 3600.0
_KEYS_S = 60.0  # keys are read again at most so often
_TIMEOUT_S = 10.0
_LARGEST = 1 << 20
_NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class Provider:
    """One provider, with what it said last."""

    def __init__(self, oidc: Oidc, redirect: str, *, plain: bool) -> None:
        """Remember the settings; ``plain``: the demo's provider is reached by http."""
        self._oidc = oidc
        self._redirect = redirect
        self._schemes = ("https", "http") if plain else ("https",)
        self._lock = threading.Lock()
        self._found: dict[str, Any] = {}
        self._found_at = float("-inf")
        self._keys: dict[str, dict[str, Any]] = {}
        self._keys_at = float("-inf")

    def metadata(self) -> dict[str, Any]:
        """Return what the provider says of itself.

        Raises:
            SignInError: it does not answer, or is another issuer.
        """
        with self._lock:
            if time.monotonic() - self._found_at > _FRESH_S:
                issuer = self._oidc.issuer
                found = self._get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
                if found.get("issuer") != issuer:
                    raise SignInError(f"{issuer} says that it is {found.get('issuer')!r}: it is not believed")
                for name in _NEEDED:
                    if urlsplit(str(found.get(name, ""))).scheme not in self._schemes:
                        raise SignInError(f"{issuer} has no {name} that can be used")
                self._found, self._found_at = found, time.monotonic()
            return self._found

    def key(self, kid: str | None) -> dict[str, Any]:
        """Return a public key; the keys are read again for one that is unknown, at most once a minute.

        Raises:
            SignInError: the provider has no such key.
        """
        address = str(self.metadata()["jwks_uri"])
        with self._lock:
            found = self._known(kid)
            if found is None and time.monotonic() - self._keys_at > _KEYS_S:
                self._keys_at = time.monotonic()
                keys = self._get(address).get("keys")
                self._keys = {
                    str(one.get("kid", "")): one
                    for one in (keys if isinstance(keys, list) else [])
                    if isinstance(one, dict) and one.get("kty") == "RSA" and one.get("use", "sig") == "sig"
                }
                found = self._known(kid)
        if found is None:
            raise SignInError("the token is signed with a key that the provider does not have")
        return found

    def pkce(self) -> bool:
        """Return whether the provider has proof keys (S256)."""
        return "S256" in (self.metadata().get("code_challenge_methods_supported") or [])

    def address(self, *, state: str, nonce: str, verifier: str, again: bool) -> str:
        """Return where the browser is sent to sign in."""
        more: dict[str, Any] = {"nonce": nonce, "max_age": self._oidc.longest_login}
        if verifier:
            more["code_verifier"] = verifier
        if again:
            more["prompt"] = "login"
        with self._client(pkce=bool(verifier)) as client:
            url, _ = client.create_authorization_url(
                self.metadata()["authorization_endpoint"], state=state, **more
            )
        return str(url)

    def id_token(self, code: str, verifier: str) -> str:
        """Exchange a code for a token of identity.

        Raises:
            SignInError: the provider gives none.
        """
        more = {"code_verifier": verifier} if verifier else {}
        try:
            with self._client(pkce=bool(verifier)) as client:
                found = client.fetch_token(self.metadata()["token_endpoint"], code=code, **more)
        except (OAuthError, httpx2.HTTPError, ValueError) as error:
            raise SignInError(f"the provider did not take the code ({type(error).__name__})") from None
        token = found.get("id_token") if isinstance(found, dict) else None
        if not isinstance(token, str) or not token:
            raise SignInError("the provider gave no id_token: scope openid must be granted")
        return token

    def _client(self, *, pkce: bool) -> OAuth2Client:
        methods = self.metadata().get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        return OAuth2Client(
            self._oidc.client_id,
            secret_of(self._oidc.client_secret_file),
            token_endpoint_auth_method=(
                "client_secret_basic" if "client_secret_basic" in methods else "client_secret_post"
            ),
            scope="openid",
            redirect_uri=self._redirect,
            code_challenge_method="S256" if pkce else None,
            timeout=_TIMEOUT_S,
        )

    def _known(self, kid: str | None) -> dict[str, Any] | None:
        if kid is not None:
            return self._keys.get(kid)
        return next(iter(self._keys.values())) if len(self._keys) == 1 else None

    def _get(self, url: str) -> dict[str, Any]:
        try:
            with httpx2.Client(timeout=_TIMEOUT_S, follow_redirects=False) as client:
                reply = client.get(url)
                reply.raise_for_status()
                found = reply.json() if len(reply.content) <= _LARGEST else None
        except (httpx2.HTTPError, ValueError) as error:
            raise SignInError(f"{url} does not answer as it should ({type(error).__name__})") from None
        if not isinstance(found, dict):
            raise SignInError(f"{url} does not answer as it should")
        return found
