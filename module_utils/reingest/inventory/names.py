"""Names of objects as statements have them."""

from __future__ import annotations

import re

from .model import DATABASE, Item

_WORDS = {"statistics-object": "STATISTICS", "aggregate": "ROUTINE", "domain-constraint": "CONSTRAINT"}
_PUBLISHED = {"publication-relation": "TABLE", "publication-namespace": "TABLES IN SCHEMA"}
_NAME = r'"(?:[^"]|"")*"|[^" ]+'
_ON = re.compile(rf"({_NAME}) on (.+)", re.DOTALL)
_IN_PUBLICATION = re.compile(rf"(.+) in publication ({_NAME})", re.DOTALL)
_OF_TABLE = re.compile(r'(.+)\.("(?:[^"]|"")*"|[^".]+)', re.DOTALL)


class NotCarried(Exception):  # noqa: N818 - no error: what it says becomes a finding
    """What no statement can be made for; the message says why."""


def literal(text: str) -> str:
    """Return a text as SQL has it, in a session with standard_conforming_strings."""
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """Return a name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def words(item: Item) -> str:
    """Return the words that a statement names its kind by."""
    return _WORDS.get(item.kind) or item.kind.replace("-", " ").upper()


def target(item: Item) -> str:
    """Return an object's name as a statement takes it."""
    if item.kind == DATABASE:
        return quoted(item.identity)
    if item.kind == "domain-constraint":
        name, of = on_what(item)
        return f"{name} ON DOMAIN {of}"
    if item.kind == "aggregate":
        return item.identity.replace("(*)", "()")
    return item.identity


def dropped(item: Item) -> str:
    """Return the statement that drops an object, and nothing that depends on it."""
    if item.kind in ("constraint", "domain-constraint"):
        name, of = on_what(item)
        return f"ALTER {'DOMAIN' if item.kind.startswith('domain') else 'TABLE'} {of} DROP CONSTRAINT {name}"
    if item.kind in _PUBLISHED:
        found = _IN_PUBLICATION.fullmatch(item.identity)
        if found is None:
            raise NotCarried(f"its name {item.identity} cannot be taken apart")
        return f"ALTER PUBLICATION {found[2]} DROP {_PUBLISHED[item.kind]} {found[1]}"
    return f"DROP {words(item)} {target(item) if item.kind == 'aggregate' else item.identity}"


def on_what(item: Item) -> tuple[str, str]:
    """Return the name of what is on something else, and that."""
    found = _ON.fullmatch(item.identity)
    if found is None:
        raise NotCarried(f"its name {item.identity} cannot be taken apart")
    return found[1], found[2]


def of_column(item: Item) -> tuple[str, str]:
    """Return the table of a column, and its own name."""
    found = _OF_TABLE.fullmatch(item.identity)
    if found is None:
        raise NotCarried(f"its name {item.identity} cannot be taken apart")
    return found[1], found[2]
