"""Before everything else: who asks, and may this browser ask that. Then the headers of each answer."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .principal import Principal
from .roles import People
from .sessions import Sessions
from .tokens import Tokens

_OPEN = ("/healthz", "/openapi.json", "/login", "/login/callback", "/favicon.ico")
_SAFE = ("GET", "HEAD", "OPTIONS")
_LARGEST = 64 << 10  # bytes of a request
CSRF_HEADER = "x-csrf-token"
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


def session_cookie(*, secure: bool) -> str:
    """Return the name of the session's cookie; by https it belongs to this very host."""
    return "__Host-reingest" if secure else "reingest"


def cookies_of(headers: Headers) -> dict[str, str]:
    """Return the cookies of a request."""
    try:
        found = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return {}
    return {name: one.value for name, one in found.items()}


class Gate:
    """Middleware: 401 for everybody unknown, 403 for a browser that another page has sent."""

    def __init__(
        self,
        app: ASGIApp,
        sessions: Sessions,
        tokens: Tokens,
        people: People,
        *,
        secure: bool,
        sign_in: Callable[[], str],
    ) -> None:
        self._app = app
        self._sessions = sessions
        self._tokens = tokens
        self._people = people
        self._secure = secure
        self._sign_in = sign_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if not scope["path"].startswith("/static/"):
                    headers.setdefault("cache-control", "no-store")
                if self._secure:
                    headers.setdefault("strict-transport-security", "max-age=31536000")
            await send(message)

        headers = Headers(scope=scope)
        principal = await asyncio.to_thread(self._who, headers)
        scope.setdefault("state", {})["principal"] = principal
        answer = self._refused(scope["method"], scope["path"], headers, principal)
        await (answer or self._app)(scope, receive, hardened)

    def _who(self, headers: Headers) -> Principal | None:
        given = headers.get("authorization")
        if given is not None:
            kind, _, value = given.partition(" ")
            token = self._tokens.find(value.strip()) if kind.lower() == "bearer" else None
            if token is None:
                return None
            role = self._people.role(token.person)
            return Principal(token.person, role, f"token {token.name}", scopes=frozenset(token.scopes))
        value = cookies_of(headers).get(session_cookie(secure=self._secure), "")
        session = self._sessions.find(value) if value else None
        if session is None:
            return None
        return Principal(
            session.person,
            self._people.role(session.person),
            "session",
            session.issuer,
            session.authenticated_at,
            session.csrf,
        )

    def _refused(
        self, method: str, path: str, headers: Headers, principal: Principal | None
    ) -> Response | None:
        if path in _OPEN or path.startswith("/static/"):
            return None
        if principal is None:
            if "/api/" in path or headers.get("authorization") is not None or method not in _SAFE:
                told = "sign in, or send a token that is valid (Authorization: Bearer ...)"
                return JSONResponse({"detail": told}, 401, {"www-authenticate": "Bearer"})
            return HTMLResponse(self._sign_in(), 401)
        if method in _SAFE:
            return None
        if principal.csrf and not secrets.compare_digest(
            headers.get(CSRF_HEADER, "").encode(), principal.csrf.encode()
        ):
            told = f"the request has not this session's {CSRF_HEADER}: load the page again"
            return JSONResponse({"detail": told}, 403)
        length = headers.get("content-length", "0" if headers.get("transfer-encoding") is None else "")
        if not length.isdecimal() or int(length) > _LARGEST:
            return JSONResponse({"detail": f"a request has at most {_LARGEST} bytes, and says how many"}, 413)
        return None
