"""The way in and out: to the provider, back from it, and away."""

from __future__ import annotations

import time
from datetime import datetime, timezone

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from ..api.parts import Parts, parts_of
from ..identity.gate import cookies_of, session_cookie
from ..identity.id_token import Expected, SignInError, TooOld, identity
from .templates import render

router = APIRouter(include_in_schema=False)
_LOGIN_S = 600


def login_cookie(*, secure: bool) -> str:
    """Return the name of the cookie by which a browser is known again that began a login."""
    return "__Host-reingest-login" if secure else "reingest-login"


@router.get("/login")
def login(request: Request) -> Response:
    """Send the browser to the provider."""
    return _sent(parts_of(request), again=False)


@router.get("/login/callback")
def callback(request: Request, code: str = "", state: str = "", error: str = "") -> Response:
    """Take what the provider sent back, and begin a session."""
    parts = parts_of(request)
    if error or not (code or state):
        # ORCID puts errors into the fragment, which only the page's script sees.
        return HTMLResponse(render("refused.html", why=error[:200], fragment=not error), 400)
    secure = parts.settings.secure
    browser = cookies_of(request.headers).get(login_cookie(secure=secure), "")
    begun = parts.sessions.end_login(state, browser) if browser else None
    if begun is None or not code:
        why = "this browser began no such login, or it was used, or is older than 10 minutes"
        return HTMLResponse(render("refused.html", why=why, fragment=False), 400)
    oidc = parts.settings.oidc
    try:
        token = parts.provider.id_token(code, begun.verifier)
        expected = Expected(oidc.issuer, oidc.client_id, begun.nonce, oidc.longest_login, time.time())
        who = identity(token, parts.provider.key, expected)
    except TooOld as old:
        if not begun.again:
            return _sent(parts, again=True)
        return HTMLResponse(render("refused.html", why=str(old), fragment=False), 403)
    except SignInError as wrong:
        return HTMLResponse(render("refused.html", why=str(wrong), fragment=False), 403)
    at = datetime.fromtimestamp(who.authenticated, timezone.utc).isoformat(timespec="seconds")
    value = parts.sessions.begin(who.person, oidc.issuer, at)
    answer = RedirectResponse("/", 303)
    answer.delete_cookie(login_cookie(secure=secure), secure=secure)
    answer.set_cookie(session_cookie(secure=secure), value, secure=secure, httponly=True, samesite="lax")
    return answer


@router.post("/logout")
def logout(request: Request) -> Response:
    """End the session."""
    parts = parts_of(request)
    name = session_cookie(secure=parts.settings.secure)
    parts.sessions.end(cookies_of(request.headers).get(name, ""))
    answer = Response(status_code=204)
    answer.delete_cookie(name, secure=parts.settings.secure, httponly=True)
    return answer


def _sent(parts: Parts, *, again: bool) -> Response:
    secure = parts.settings.secure
    try:
        begun = parts.sessions.begin_login(pkce=parts.provider.pkce(), again=again)
        address = parts.provider.address(
            state=begun.state, nonce=begun.nonce, verifier=begun.verifier, again=again
        )
    except SignInError as wrong:
        return HTMLResponse(render("refused.html", why=str(wrong), fragment=False), 502)
    answer = RedirectResponse(address, 303)
    answer.set_cookie(
        login_cookie(secure=secure),
        begun.browser,
        max_age=_LOGIN_S,
        secure=secure,
        httponly=True,
        samesite="lax",
    )
    return answer
