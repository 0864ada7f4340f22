"""The statements that make an object of the load what it is in production."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ..frame.role_changes import setting_items
from .alterations import alterations, sequence_options
from .by_dump import DUMPED
from .compare import ASPECTS, Difference
from .database import LIMIT
from .dumped import ANY, Dumped
from .model import (
    COLUMN,
    COMMENT,
    DEFAULT_PRIVILEGES,
    DEFINITION,
    OWNER,
    POLICY,
    ROW_SECURITY,
    SETTING,
    Item,
)
from .names import NotCarried, dropped, literal, of_column, quoted, target, words
from .rights import change_rights
from .secrets import SECRET, shown_definition

# Of these the server writes a whole statement, or its query.
_VIEWS = {"view": "CREATE OR REPLACE VIEW", "materialized-view": "CREATE MATERIALIZED VIEW"}
_REPLACED = ("function", "procedure", "view")  # by CREATE OR REPLACE
_DEFINED = (
    *_REPLACED, "materialized-view", "index", "trigger", "rule", POLICY, "constraint", "domain-constraint",
    "statistics-object",
)  # fmt: skip
_COMPOSED = ("schema", "extension")  # simple enough
_CARRIED = {*_DEFINED, *_COMPOSED, *DUMPED}
_SWITCHED = re.compile(r" (?:DISABLE|ENABLE ALWAYS|ENABLE REPLICA) (TRIGGER|RULE) ")


_IN_LIBRARY = re.compile(r"^ LANGUAGE (?:c|internal)$", re.MULTILINE)


@dataclass(frozen=True)
class Statement:
    """One statement; ``shown`` is the same without what may be a secret."""

    text: str = field(repr=False)
    shown: str


def statements(difference: Difference, database: str, dumped: Dumped) -> list[Statement]:
    """Return what makes the load's object production's, in order.

    Args:
        difference: where they differ.
        database: the load's.
        dumped: the definitions that pg_dump wrote.

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
    return [
        Statement(text, shown_definition(difference.item, text)) for text in _statements(difference, dumped)
    ]


def is_carried(difference: Difference) -> bool:
    """Return whether there are statements that carry a difference."""
    try:
        return bool(statements(difference, "", ANY))
    except NotCarried:
        return False


def _statements(difference: Difference, dumped: Dumped) -> list[str]:
    live, made, item = difference.production, difference.load, difference.item
    if difference.kind == "owner" and live is not None:
        return [f"ALTER {words(live)} {target(live)} OWNER TO {quoted(live.facts[OWNER])}"]
    if difference.kind == "comment" and live is not None:
        return [_comment(live)]
    if difference.kind == "row-security" and live is not None:
        return _row_security(live)
    if difference.kind in ("privileges", DEFAULT_PRIVILEGES, "parameter-acl"):
        return list(change_rights(difference))
    if difference.kind in ASPECTS.values() or item.kind not in _CARRIED:
        raise NotCarried(_why_not(difference))
    if live is None:
        return [dropped(item)]
    if made is not None and difference.facts == ("enabled",):
        return [_enabled(live, made)]
    if item.kind in DUMPED or item.kind in _COMPOSED:
        if made is not None and (altered := alterations(difference, live, made)):
            return altered
        texts = [dumped.text(live)] if item.kind in DUMPED else _owned(live)
        return [*([dropped(live)] if made is not None else []), *texts]
    _refuse_library(live)
    drop = [dropped(live)] if made is not None and live.kind not in _REPLACED else []
    return [*drop, *_owned(live)]


def _why_not(difference: Difference) -> str:
    if difference.item.kind == "user-mapping":
        return (
            "a password may be in it, which is never copied: make it in the schema, or after the switch "
            "(reingest_after_promote)"
        )
    return f"of kind {difference.kind}, for which neither PostgreSQL nor pg_dump writes a whole statement"


def _refuse_library(item: Item) -> None:
    """Refuse what calls into a library: a definition has the name of its file, not what is in it."""
    if item.kind in ("function", "procedure") and _IN_LIBRARY.search(str(item.facts.get(DEFINITION))):
        raise NotCarried(
            "it calls into a library of the server (LANGUAGE c or internal): install it with its extension, "
            "or put it into the schema, where the new server has that library"
        )


def _owned(item: Item) -> list[str]:
    """Return what makes an object, with its owner at once: who logs in here must not own what others wrote.

    A materialised view is filled only then, since its query runs with the rights of its owner.
    """
    texts = created(item)
    if item.kind == "materialized-view":
        texts = [f"{text}\nWITH NO DATA" for text in texts]
    if OWNER in item.facts and item.kind != "extension":  # who made it stays its owner
        texts.append(f"ALTER {words(item)} {target(item)} OWNER TO {quoted(item.facts[OWNER])}")
    if item.kind == "materialized-view":
        texts.append(f"REFRESH MATERIALIZED VIEW {item.identity}")
    return texts


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
            f"CREATE EXTENSION {item.identity} SCHEMA {facts.get('namespace')}"
            f" VERSION {literal(str(facts.get('version')))}"
        ]
    if item.kind == "domain":
        return [f"CREATE DOMAIN {item.identity} AS {facts.get('base')}{_default(facts.get('default'))}"]
    if item.kind == "type" and "labels" in facts:
        return [f"CREATE TYPE {item.identity} AS ENUM ({', '.join(map(literal, facts['labels']))})"]
    if item.kind == "type" and "attributes" in facts:
        parts = ", ".join(f"{quoted(name)} {kind}" for name, kind, _ in facts["attributes"])
        return [f"CREATE TYPE {item.identity} AS ({parts})"]
    if item.kind == COLUMN and "generated" not in facts and "identity" not in facts and "type" in facts:
        table, column = of_column(item)
        null = " NOT NULL" if facts.get("not null") else ""
        added = f"{column} {facts['type']}{_default(facts.get('default'))}{null}"
        return [f"ALTER TABLE {table} ADD COLUMN {added}"]
    if item.kind == "sequence" and facts.get("sequence"):
        return [f"CREATE SEQUENCE {item.identity} {sequence_options(facts['sequence'][0])}"]
    return []


def _default(text: str | None) -> str:
    return "" if text is None else f" DEFAULT {text}"


def _comment(item: Item) -> str:
    text = item.facts.get(COMMENT)
    return f"COMMENT ON {words(item)} {target(item)} IS {'NULL' if text is None else literal(text)}"


def _row_security(item: Item) -> list[str]:
    text = str(item.facts.get(ROW_SECURITY, ""))
    enabled = "ENABLE" if "enabled" in text else "DISABLE"
    forced = "FORCE" if "forced" in text else "NO FORCE"
    return [f"ALTER TABLE {item.identity} {word} ROW LEVEL SECURITY" for word in (enabled, forced)]


def _setting(difference: Difference, database: str, *, secret: bool) -> str:
    item = difference.item
    value = None if difference.production is None else difference.production.value
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
