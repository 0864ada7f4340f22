"""The statements that make an object of the load what it is in production."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..frame.role_changes import setting_items
from .compare import ASPECTS, Difference
from .database import LIMIT
from .model import (
    COLUMN,
    COMMENT,
    DATABASE,
    DEFAULT_PRIVILEGES,
    DEFINITION,
    OWNER,
    POLICY,
    ROW_SECURITY,
    SETTING,
    Item,
    Right,
)

# Of these the server writes a whole statement, or its query.
_VIEWS = {"view": "CREATE OR REPLACE VIEW", "materialized-view": "CREATE MATERIALIZED VIEW"}
_REPLACED = ("function", "procedure", "view")  # by CREATE OR REPLACE
_DEFINED = (*_REPLACED, "materialized-view", "index", "trigger", "rule", POLICY, "constraint", "domain-constraint",
            "statistics-object")  # fmt: skip
_WORDS = {"statistics-object": "STATISTICS", "aggregate": "ROUTINE", "domain-constraint": "CONSTRAINT"}
_GRANTED_ON = {
    "table": "TABLE", "view": "TABLE", "materialized-view": "TABLE", "foreign-table": "TABLE",
    COLUMN: "TABLE", "sequence": "SEQUENCE", "function": "ROUTINE", "procedure": "ROUTINE",
    "aggregate": "ROUTINE", "schema": "SCHEMA", "language": "LANGUAGE", "type": "TYPE", "domain": "TYPE",
    "foreign-data-wrapper": "FOREIGN DATA WRAPPER", "server": "FOREIGN SERVER", "large-object": "LARGE OBJECT",
    "tablespace": "TABLESPACE", DATABASE: "DATABASE", "parameter-acl": "PARAMETER",
}  # fmt: skip
_NAME = r'"(?:[^"]|"")*"|[^" ]+'
_ON = re.compile(rf"({_NAME}) on (.+)", re.DOTALL)
_OF_TABLE = re.compile(r'(.+)\.("(?:[^"]|"")*"|[^".]+)', re.DOTALL)
_DEFAULTS = re.compile(
    r"(for role .+?(?: in schema .+)?) on (tables|sequences|functions|types|schemas|large objects)"
)


_SWITCHED = re.compile(r" (?:DISABLE|ENABLE ALWAYS|ENABLE REPLICA) (TRIGGER|RULE) ")
SECRET = re.compile(r"\.|pass|secret|token|credential|_key", re.IGNORECASE)


@dataclass(frozen=True)
class Statement:
    """One statement; ``shown`` is the same without what may be a secret."""

    text: str = field(repr=False)
    shown: str


class NotCarried(Exception):  # noqa: N818 - no error: what it says becomes a finding
    """What no statement can be made for; the message says why."""


def statements(difference: Difference, database: str) -> list[Statement]:
    """Return what makes the load's object production's, in order.

    Raises:
        NotCarried: the server does not tell how.
    """
    if difference.kind == SETTING:
        name = difference.item.identity
        texts = [
            _setting(difference, database, secret=secret)
            for secret in (False, SECRET.search(name) is not None)
        ]
        return [Statement(*texts)]
    return [Statement(text, text) for text in _statements(difference)]


def is_carried(difference: Difference) -> bool:
    """Return whether there are statements that carry a difference."""
    try:
        return bool(statements(difference, ""))
    except NotCarried:
        return False


def _statements(difference: Difference) -> list[str]:
    live, made, item = difference.production, difference.load, difference.item
    if difference.kind == "owner" and live is not None:
        return [f"ALTER {_words(live)} {_target(live)} OWNER TO {quoted(live.facts[OWNER])}"]
    if difference.kind == "comment" and live is not None:
        return [_comment(live)]
    if difference.kind == "row-security" and live is not None:
        return _row_security(live)
    if difference.kind in ("privileges", DEFAULT_PRIVILEGES, "parameter-acl"):
        return list(_rights(difference))
    if difference.kind in ASPECTS.values() or item.kind not in _DEFINED:
        raise NotCarried(f"of kind {difference.kind}, for which PostgreSQL writes no whole statement")
    if live is None:
        return [_dropped(item)]
    if made is not None and difference.facts == ("enabled",):
        return [_enabled(live, made)]
    drop = [_dropped(live)] if made is not None and live.kind not in _REPLACED else []
    return [*drop, *created(live)]


def created(item: Item) -> list[str]:
    """Return the statements that make an object, as far as the server tells them; none where it does not."""
    if DEFINITION not in item.facts:
        return _composed(item)
    text = str(item.facts[DEFINITION]).strip().rstrip(";")
    if item.kind in _VIEWS:
        options = item.facts.get("storage")
        given = f" WITH ({', '.join(options)})" if options else ""
        text = f"{_VIEWS[item.kind]} {item.identity}{given} AS\n{text}"
    enabled = item.facts.get("enabled")
    return [text, enabled] if isinstance(enabled, str) else [text]


def _composed(item: Item) -> list[str]:
    """Return the statement of what is simple enough."""
    facts = item.facts
    if item.kind == "schema":
        return [f"CREATE SCHEMA {item.identity}"]
    if item.kind == "extension":
        return [
            f"CREATE EXTENSION {item.identity} SCHEMA {facts.get('namespace')} VERSION '{facts.get('version')}'"
        ]
    if item.kind == "domain":
        return [f"CREATE DOMAIN {item.identity} AS {facts.get('base')}{_default(facts.get('default'))}"]
    if item.kind == "type" and "labels" in facts:
        return [f"CREATE TYPE {item.identity} AS ENUM ({', '.join(map(literal, facts['labels']))})"]
    if item.kind == "type" and "attributes" in facts:
        parts = ", ".join(f"{quoted(name)} {kind}" for name, kind, _ in facts["attributes"])
        return [f"CREATE TYPE {item.identity} AS ({parts})"]
    if item.kind == COLUMN and "generated" not in facts and "identity" not in facts and "type" in facts:
        table, column = _column(item)
        null = " NOT NULL" if facts.get("not null") else ""
        added = f"{column} {facts['type']}{_default(facts.get('default'))}{null}"
        return [f"ALTER TABLE {table} ADD COLUMN {added}"]
    if item.kind == "sequence" and facts.get("sequence"):
        one = facts["sequence"][0]
        return [
            f"CREATE SEQUENCE {item.identity} AS {one.get('typid')} START {one.get('start')}"
            f" INCREMENT {one.get('increment')} MINVALUE {one.get('min')} MAXVALUE {one.get('max')}"
            f" CACHE {one.get('cache')}{' CYCLE' if one.get('cycle') else ''}"
        ]
    return []


def literal(text: str) -> str:
    """Return a text as SQL has it, in a session with standard_conforming_strings."""
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """Return a name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def _default(text: str | None) -> str:
    return "" if text is None else f" DEFAULT {text}"


def _words(item: Item) -> str:
    return _WORDS.get(item.kind) or item.kind.replace("-", " ").upper()


def _target(item: Item) -> str:
    """Return an object's name as a statement takes it."""
    if item.kind == DATABASE:
        return quoted(item.identity)
    if item.kind == "domain-constraint":
        name, of = _on(item)
        return f"{name} ON DOMAIN {of}"
    if item.kind == "aggregate":
        return item.identity.replace("(*)", "()")
    return item.identity


def _on(item: Item) -> tuple[str, str]:
    """Return the name of what is on something else, and that."""
    found = _ON.fullmatch(item.identity)
    if found is None:
        raise NotCarried(f"its name {item.identity} cannot be taken apart")
    return found[1], found[2]


def _column(item: Item) -> tuple[str, str]:
    found = _OF_TABLE.fullmatch(item.identity)
    if found is None:
        raise NotCarried(f"its name {item.identity} cannot be taken apart")
    return found[1], found[2]


def _dropped(item: Item) -> str:
    if item.kind in ("constraint", "domain-constraint"):
        name, of = _on(item)
        return f"ALTER {'DOMAIN' if item.kind.startswith('domain') else 'TABLE'} {of} DROP CONSTRAINT {name}"
    return f"DROP {_words(item)} {item.identity}"


def _comment(item: Item) -> str:
    text = item.facts.get(COMMENT)
    return f"COMMENT ON {_words(item)} {_target(item)} IS {'NULL' if text is None else literal(text)}"


def _row_security(item: Item) -> list[str]:
    text = str(item.facts.get(ROW_SECURITY, ""))
    enabled = "ENABLE" if "enabled" in text else "DISABLE"
    forced = "FORCE" if "forced" in text else "NO FORCE"
    return [f"ALTER TABLE {item.identity} {word} ROW LEVEL SECURITY" for word in (enabled, forced)]


def _setting(difference: Difference, database: str, *, secret: bool) -> str:
    item = difference.item
    value = None if difference.production is None else str(difference.production.facts["value"])
    if item.identity == LIMIT:
        return f"ALTER DATABASE {quoted(database)} CONNECTION LIMIT {value or -1}"
    role = str(item.facts["role"])
    name = item.identity.removesuffix(f" of {role}") if role else item.identity
    whom = f"ROLE {quoted(role)} IN DATABASE {quoted(database)}" if role else f"DATABASE {quoted(database)}"
    if value is None:
        return f"ALTER {whom} RESET {quoted(name)}"
    given = "***" if secret else ", ".join(map(literal, setting_items(name, value)))
    return f"ALTER {whom} SET {quoted(name)} TO {given}"


def _enabled(live: Item, made: Item) -> str:
    text, there = live.facts.get("enabled"), made.facts.get("enabled")
    if isinstance(text, str):
        return text
    if text is None and isinstance(there, str):
        return _SWITCHED.sub(r" ENABLE \1 ", there, count=1)
    raise NotCarried("its own triggers are disabled (ALTER TABLE ... DISABLE TRIGGER ALL)")


def _rights(difference: Difference) -> Iterator[str]:
    """Yield what gives the rights that production has, and takes those that it has not."""
    live, made, item = difference.production, difference.load, difference.item
    initial = set(item.initial or ())
    wanted = live.rights if live is not None else initial
    there = made.rights if made is not None else initial
    owner = str(item.facts.get(OWNER) or "")
    for right in _ordered(there - wanted):
        yield from _right(item, right, owner, "REVOKE")
    # What is taken from somebody goes with what they gave to others: that is given again.
    again = wanted - there | {one for one in wanted if there - wanted and one[2] is not None}
    for right in _ordered(again):
        yield from _right(item, right, owner, "GRANT")


def _ordered(rights: set[Right]) -> list[Right]:
    """Return rights in an order in which who gives one has it already."""
    left = sorted(rights, key=lambda one: (one[2] is not None, *map(str, one)))
    ordered: list[Right] = []
    while left:
        pending = {(one[0], one[1]) for one in left if one[3]}
        ready = [one for one in left if one[2] is None or (one[0], one[2]) not in pending] or left
        ordered += ready
        left = [one for one in left if one not in ready]
    return ordered


def _right(item: Item, right: Right, owner: str, verb: str) -> Iterator[str]:
    name, to, by, passed = right
    whom = "PUBLIC" if to == "" else quoted(owner if to is None else to)
    defaults = _DEFAULTS.fullmatch(item.identity) if item.kind == DEFAULT_PRIVILEGES else None
    if item.kind == DEFAULT_PRIVILEGES:
        if defaults is None:
            raise NotCarried(f"its name {item.identity} cannot be taken apart")
        begin, on = f"ALTER DEFAULT PRIVILEGES {defaults[1]} ", defaults[2].upper()
        if to is None:
            whom = defaults[1].removeprefix("for role ").partition(" in schema ")[0]
    elif item.kind not in _GRANTED_ON:
        raise NotCarried(f"nothing is known of privileges on a {item.kind.replace('-', ' ')}")
    else:
        begin, on = "", f"{_GRANTED_ON[item.kind]} {_target(item)}"
        if item.kind == COLUMN:
            table, column = _column(item)
            name, on = f"{name} ({column})", f"TABLE {table}"
    if verb == "GRANT":
        text = f"{begin}GRANT {name} ON {on} TO {whom}{' WITH GRANT OPTION' if passed else ''}"
    else:
        text = f"{begin}REVOKE {name} ON {on} FROM {whom}{'' if begin else ' CASCADE'}"
    yield text if by is None else f"SET LOCAL ROLE {quoted(by)}; {text}; RESET ROLE"
