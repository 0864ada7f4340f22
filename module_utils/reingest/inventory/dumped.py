"""Definitions of the kinds that the server writes no statement for, as pg_dump of its version writes them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from tempfile import TemporaryFile

import psycopg2
from psycopg2 import sql

from ..errors import Refusal
from ..postgres.dsn import connect, with_database
from ..postgres.schema_archive import dump_schema, read_entries, read_statements
from .by_dump import dump_programs
from .model import Item, Key
from .names import NotCarried, literal

_POSITION = "SELECT last_value, is_called FROM {}"


@dataclass(frozen=True)
class Dumped:
    """The statements of objects, and the order in which they can be made.

    ``missing`` says why there are none.
    """

    texts: Mapping[Key, str] = field(default_factory=dict, repr=False)
    order: Mapping[Key, int] = field(default_factory=dict)
    missing: str = ""
    where: str = ""  # the program that wrote them

    def text(self, item: Item) -> str:
        """Return the statements that make an object.

        Raises:
            NotCarried: there are none.
        """
        if "row" in item.facts:
            raise NotCarried("its input and output functions call into a library of the server")
        if item.key in self.texts:
            return self.texts[item.key]
        if self is ANY:
            return "to be written"
        raise NotCarried(self.missing or f"pg_dump writes no statement for {item.called}")


ANY = Dumped()  # before pg_dump is asked: it will write all of them


def read_dumped(login: str, database: str, major: int, items: Collection[Item]) -> Dumped:
    """Return the statements that make objects of a database.

    Args:
        login: a connection string of its server, of a login that may lock its tables for reading.
        database: its name.
        major: the server's version.
        items: the objects; of those that pg_dump has no entry for there will be no statement.
    """
    try:
        programs = dump_programs(major)
        with TemporaryFile() as archive:
            dump_schema(programs, login, database, archive)
            entries = read_entries(programs, archive)
            found = {item.key: entries[item.place] for item in items if item.place in entries}
            texts = {key: read_statements(programs, archive, entry) for key, entry in found.items()}
        positions = _positions(login, database, [item for item in items if item.key in texts])
    except Refusal as error:
        return Dumped(missing=str(error))
    except psycopg2.Error as error:
        return Dumped(
            missing=f"where sequences stand cannot be read ({error.diag.message_primary or 'no answer'})"
        )
    texts = {key: text + positions.get(key, "") for key, text in texts.items()}
    order = {key: entry.position for key, entry in found.items()}
    return Dumped(texts, order, where=str(programs.dump))


def _positions(login: str, database: str, items: Collection[Item]) -> dict[Key, str]:
    """Return what makes sequences count on where they stand, and belong to the same columns."""
    sequences = [item for item in items if item.kind == "sequence"]
    found: dict[Key, str] = {}
    if not sequences:
        return found
    with closing(connect(with_database(login, database))) as connection, connection.cursor() as cursor:
        for item in sequences:
            cursor.execute(sql.SQL(_POSITION).format(sql.SQL(item.identity)))
            last, called = cursor.fetchone()
            text = f";\nSELECT pg_catalog.setval({literal(item.identity)}, {last}, {str(called).lower()})"
            owner = item.facts.get("owned by")
            found[item.key] = text + (f";\nALTER SEQUENCE {item.identity} OWNED BY {owner}" if owner else "")
    return found
