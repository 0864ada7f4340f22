"""Sessions of browsers, and logins under way. The cookie is random; the store has its hash."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

from sqlalchemy import Engine, delete, insert, select

from ..store.tables import logins, sessions
from .principal import hashed

_LOGIN_S = 600.0


@dataclass(frozen=True)
class Session:
    """Somebody who signed in."""

    person: str
    issuer: str
    authenticated_at: str
    csrf: str


@dataclass(frozen=True)
class Login:
    """A login that was begun; what is random in it comes back once."""

    state: str
    browser: str
    nonce: str
    verifier: str
    again: bool


class Sessions:
    """Begins, finds and ends them."""

    def __init__(self, engine: Engine, hours: float) -> None:
        self._engine = engine
        self._seconds = hours * 3600

    def begin(self, person: str, issuer: str, authenticated_at: str) -> str:
        """Begin a session; return the cookie's value."""
        value = secrets.token_urlsafe(32)
        with self._engine.begin() as connection:
            connection.execute(delete(sessions).where(sessions.c.expires < time.time()))
            connection.execute(
                insert(sessions).values(
                    hash=hashed(value),
                    person=person,
                    issuer=issuer,
                    authenticated_at=authenticated_at,
                    csrf=secrets.token_urlsafe(24),
                    expires=time.time() + self._seconds,
                )
            )
        return value

    def find(self, value: str) -> Session | None:
        """Return the session of a cookie; None where it is unknown or over."""
        query = select(sessions).where(sessions.c.hash == hashed(value), sessions.c.expires > time.time())
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        return Session(row.person, row.issuer, row.authenticated_at, row.csrf) if row is not None else None

    def end(self, value: str) -> None:
        """End a session."""
        with self._engine.begin() as connection:
            connection.execute(delete(sessions).where(sessions.c.hash == hashed(value)))

    def begin_login(self, *, pkce: bool, again: bool) -> Login:
        """Begin a login."""
        login = Login(
            state=secrets.token_urlsafe(24),
            browser=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48) if pkce else "",
            again=again,
        )
        with self._engine.begin() as connection:
            connection.execute(delete(logins).where(logins.c.expires < time.time()))
            connection.execute(
                insert(logins).values(
                    state=hashed(login.state),
                    browser=hashed(login.browser),
                    nonce=login.nonce,
                    verifier=login.verifier,
                    again=again,
                    expires=time.time() + _LOGIN_S,
                )
            )
        return login

    def end_login(self, state: str, browser: str) -> Login | None:
        """Return a login that comes back, once; None where this browser began none of that state."""
        own = (logins.c.state == hashed(state), logins.c.browser == hashed(browser))
        with self._engine.begin() as connection:
            row = connection.execute(select(logins).where(*own, logins.c.expires > time.time())).first()
            gone = connection.execute(delete(logins).where(*own)).rowcount
        if row is None or gone != 1:
            return None
        return Login(state, browser, row.nonce, row.verifier, row.again)
