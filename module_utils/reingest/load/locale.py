"""How a database orders and encodes texts: the load's database is made as production's is.

Another locale, provider or encoding would change what the portal sorts and finds, and no row would tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2 import sql

from ..errors import Refusal
from ..postgres.dsn import Connection
from .script import database_reason

_LIBC, _ICU, _BUILTIN = "c", "i", "b"
_PROVIDERS = {_LIBC: "libc", _ICU: "icu", _BUILTIN: "builtin"}
_PROVIDERS_FROM = 150_000
# to_jsonb: the columns have other names in each of the versions, or are missing.
_READ = "SELECT to_jsonb(d), pg_encoding_to_char(d.encoding) FROM pg_database d WHERE datname = %s"


@dataclass(frozen=True)
class Locale:
    """Of one database; ``locale`` and ``rules`` are those of a provider other than libc, else empty."""

    encoding: str
    provider: str
    collate: str
    ctype: str
    locale: str = ""
    rules: str = ""

    def __str__(self) -> str:
        """Return it for a message."""
        own = f" {self.locale}" if self.locale else ""
        rules = f" with rules {self.rules!r}" if self.rules else ""
        name = _PROVIDERS.get(self.provider, self.provider)
        return f"{self.encoding}, {name}{own}{rules}, LC_COLLATE {self.collate}, LC_CTYPE {self.ctype}"

    def clauses(self, version: int) -> sql.Composable:
        """Return what CREATE DATABASE says, by the version of the server."""
        parts = [("ENCODING", self.encoding), ("LC_COLLATE", self.collate), ("LC_CTYPE", self.ctype)]
        if version >= _PROVIDERS_FROM:
            parts.append(("LOCALE_PROVIDER", _PROVIDERS.get(self.provider, self.provider)))
        if self.provider == _ICU:
            parts += [("ICU_LOCALE", self.locale), *([("ICU_RULES", self.rules)] if self.rules else [])]
        elif self.provider == _BUILTIN:
            parts.append(("BUILTIN_LOCALE", self.locale))
        return sql.SQL(" ").join(sql.SQL(f"{word} {{}}").format(sql.Literal(value)) for word, value in parts)


def read_locale(connection: Connection, database: str) -> Locale | None:
    """Return that of a database of the server; None where there is none of the name."""
    with connection.cursor() as cursor:
        cursor.execute(_READ, (database,))
        row = cursor.fetchone()
    if row is None:
        return None
    found: dict[str, Any] = row[0]
    return Locale(
        row[1],
        found.get("datlocprovider") or _LIBC,
        found["datcollate"],
        found["datctype"],
        found.get("datlocale") or found.get("daticulocale") or "",
        found.get("daticurules") or "",
    )


def create_database(connection: Connection, name: str, locale: Locale | None) -> None:
    """Make an empty database, as production's where there is one, else in UTF-8.

    Raises:
        Refusal: the server has not that locale.
    """
    # template0: what was added to a server's template1 is not part of the schema.
    made = sql.SQL("CREATE DATABASE {} TEMPLATE template0 {}").format(
        sql.Identifier(name),
        sql.SQL("ENCODING 'UTF8'") if locale is None else locale.clauses(connection.server_version),
    )
    with connection.cursor() as cursor:
        try:
            cursor.execute(made)
        except (psycopg2.ProgrammingError, psycopg2.DataError, psycopg2.NotSupportedError) as error:
            if locale is None:
                raise
            raise Refusal(
                f"the staging server cannot make database {name} as production has it ({locale}): "
                f"{database_reason(error)}; run it from production's image, or install that locale there"
            ) from error
