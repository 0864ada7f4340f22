"""Who asks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from .roles import may

READ = "read"  # the scope of a token that may look


@dataclass(frozen=True)
class Principal:
    """A person, by a browser's session or by a token; the role is as it is now."""

    person: str  # ORCID iD
    role: str  # empty: none
    through: str  # "session" or "token <name>"
    issuer: str = ""  # who authenticated the session
    authenticated_at: str = ""
    csrf: str = ""  # of a session
    scopes: frozenset[str] | None = None  # of a token: kinds of jobs, and "read"

    @property
    def authenticated(self) -> str:
        """Return who authenticated the session, and when; empty for a token."""
        return f"{self.issuer} at {self.authenticated_at}" if self.issuer else ""

    def may(self, needed: str, scope: str = READ) -> bool:
        """Return whether the role, and for a token its scopes, are enough."""
        return may(self.role, needed) and (self.scopes is None or scope in self.scopes)


def hashed(secret: str) -> str:
    """Return the form in which a random secret is kept."""
    return hashlib.sha256(secret.encode()).hexdigest()
