"""Whether a column's type takes every value of another one, written as the other one writes it.

The one judge of it: before a load, before the window, in it, and on the way back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..postgres.dsn import Cursor

ENUM, DOMAIN, COMPOSITE = "e", "d", "c"
_TYPES = """
SELECT format_type(t.oid, NULL), t.typtype,
       ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder),
       CASE t.typtype WHEN 'd' THEN format_type(t.typbasetype, t.typtypmod) ELSE '' END,
       ARRAY(SELECT pg_get_constraintdef(k.oid) FROM pg_constraint k
             WHERE k.contypid = t.oid AND k.contype = 'c' ORDER BY 1)
       || CASE WHEN t.typnotnull THEN ARRAY['NOT NULL'] ELSE ARRAY[]::text[] END,
       ARRAY(SELECT ARRAY[a.attname::text, format_type(a.atttypid, a.atttypmod)] FROM pg_attribute a
             WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
             ORDER BY a.attnum)
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype IN ('e', 'd', 'c')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'reingest') AND n.nspname !~ '^pg_(toast|temp)'
"""


@dataclass(frozen=True)
class Type:
    """A type that users made; ``checks`` are a domain's, ``base`` is what it is made from.

    ``attributes`` are the names and types that a composite type consists of.
    """

    kind: str
    labels: tuple[str, ...] = ()
    base: str = ""
    checks: tuple[str, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()


Types = Mapping[str, Type]  # by the name that columns have, where the search path is PostgreSQL's own

_INTEGERS = ("smallint", "integer", "bigint")
_TEXT = re.compile(r"(?:text|character varying(?:\((\d+)\))?)")
_NUMERIC = re.compile(r"numeric(?:\((\d+),(-?\d+)\))?")


def read_types(cursor: Cursor) -> dict[str, Type]:
    """Return the types that users made, of a session whose search path is ``pg_catalog``."""
    cursor.execute(_TYPES)
    return {
        name: Type(kind, tuple(labels), base, tuple(checks), tuple(map(tuple, attributes)))
        for name, kind, labels, base, checks, attributes in cursor.fetchall()
    }


def misfit(before: str, after: str, old: Types, new: Types) -> str:
    """Return why a column of one type does not take the values of another one; empty when it does.

    Args:
        before: production's type, as its catalogue writes it.
        after: the schema's.
        old: the types that users made in production.
        new: those that the schema makes.
    """
    if before.endswith("[]") and after.endswith("[]"):
        return misfit(before[:-2], after[:-2], old, new)
    was, is_ = old.get(before), new.get(after)
    if is_ is not None and is_.kind == DOMAIN:
        known = was.checks if was is not None and was.kind == DOMAIN else ()
        added = [check for check in is_.checks if check not in known]
        if added:
            return f"domain {shown(after)} demands {', '.join(added)}, which production does not"
        return misfit(was.base if was is not None and was.kind == DOMAIN else before, is_.base, old, new)
    if was is not None and was.kind == DOMAIN:
        return misfit(was.base, after, old, new)
    if was is not None and is_ is not None and was.kind == is_.kind == ENUM:
        lost = [label for label in was.labels if label not in is_.labels]
        return f"the schema's {shown(after)} lacks {', '.join(map(repr, lost))}" if lost else ""
    if was is not None and is_ is not None and was.kind == is_.kind == COMPOSITE:
        return _of_composite(was, is_, old, new)
    if before == after or _widens(before, after):
        return ""
    return f"{shown(after)} does not take every value of {shown(before)} as it is"


def is_oid(name: str, types: Types) -> bool:
    """Return whether a value of a type is one OID: also of a domain, as type lo of the extension is."""
    made = types.get(name)
    return name == "oid" if made is None else made.kind == DOMAIN and is_oid(made.base, types)


def holds_oid(name: str, types: Types) -> bool:
    """Return whether values of a type are, or hold, OIDs: of large objects, or of rows of the catalogue."""
    base = name.removesuffix("[]")
    made = types.get(base)
    if made is None:
        return base == "oid"
    parts = [made.base] if made.kind == DOMAIN else [type_ for _, type_ in made.attributes]
    return any(holds_oid(part, types) for part in parts)


def shown(name: str) -> str:
    """Return a type's name as people write it: without the schema that everybody uses."""
    return name.removeprefix("public.")


def _of_composite(was: Type, is_: Type, old: Types, new: Types) -> str:
    names, new_names = [name for name, _ in was.attributes], [name for name, _ in is_.attributes]
    if names != new_names:
        return f"its attributes are {', '.join(new_names)} in the schema and {', '.join(names)} in production"
    for (name, before), (_, after) in zip(was.attributes, is_.attributes):
        reason = misfit(before, after, old, new)
        if reason:
            return f"attribute {name}: {reason}"
    return ""


def _widens(before: str, after: str) -> bool:
    """Return whether one of PostgreSQL's own types is widened into one whose text form is the same."""
    if before in _INTEGERS and after in _INTEGERS:
        return _INTEGERS.index(before) <= _INTEGERS.index(after)
    texts = _TEXT.fullmatch(before), _TEXT.fullmatch(after)
    if texts[0] and texts[1]:
        return texts[1][1] is None or (texts[0][1] is not None and int(texts[0][1]) <= int(texts[1][1]))
    numbers = _NUMERIC.fullmatch(before), _NUMERIC.fullmatch(after)
    if numbers[0] and numbers[1]:
        if numbers[1][1] is None:  # takes any scale, and writes it
            return True
        same_scale = numbers[0][2] == numbers[1][2]
        return numbers[0][1] is not None and same_scale and int(numbers[0][1]) <= int(numbers[1][1])
    return False
