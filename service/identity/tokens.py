"""Tokens for machines: random, kept as a hash, with scopes and an end. ``python -m service token``."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Engine, delete, insert, select
from sqlalchemy.exc import IntegrityError

from plugins.module_utils.reingest.errors import Refusal

from ..store.jobs import now
from ..store.tables import tokens
from .principal import hashed

PREFIX = "reingest_"  # by which scanners of secrets find it
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_DAY_S = 86400.0
MOST_DAYS = 366


@dataclass(frozen=True)
class Token:
    """A token, without its secret."""

    name: str
    person: str
    scopes: tuple[str, ...]
    made_at: str
    expires: float


class Tokens:
    """Makes, finds and revokes them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def make(self, name: str, person: str, scopes: Collection[str], days: float) -> str:
        """Make a token and return it; nobody can show it again.

        Raises:
            Refusal: the name is taken or has another form, or it would be valid for too long.
        """
        if not _NAME.fullmatch(name):
            raise Refusal(f"{name!r} is no name of a token: lower-case letters, digits and -")
        if not 0 < days <= MOST_DAYS:
            raise Refusal(f"a token is valid for at most {MOST_DAYS} days")
        value = PREFIX + secrets.token_urlsafe(32)
        try:
            with self._engine.begin() as connection:
                connection.execute(
                    insert(tokens).values(
                        name=name,
                        hash=hashed(value),
                        person=person,
                        scopes=sorted(scopes),
                        made_at=now(),
                        expires=time.time() + days * _DAY_S,
                    )
                )
        except IntegrityError:
            raise Refusal(f"there is a token {name}: revoke it first, or take another name") from None
        return value

    def find(self, value: str) -> Token | None:
        """Return the token of that secret; None where it is unknown or over."""
        query = select(tokens).where(tokens.c.hash == hashed(value), tokens.c.expires > time.time())
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        return Token(row.name, row.person, tuple(row.scopes), row.made_at, row.expires)

    def listed(self) -> list[Token]:
        """Return all tokens, by name."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(tokens).order_by(tokens.c.name)).all()
        return [Token(row.name, row.person, tuple(row.scopes), row.made_at, row.expires) for row in rows]

    def revoke(self, name: str) -> None:
        """Take a token away.

        Raises:
            Refusal: there is none of that name.
        """
        with self._engine.begin() as connection:
            if connection.execute(delete(tokens).where(tokens.c.name == name)).rowcount != 1:
                raise Refusal(f"there is no token {name}")
