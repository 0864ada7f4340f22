"""The statements that give the rights that production has, and take those that it has not."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .compare import Difference
from .model import COLUMN, DATABASE, DEFAULT_PRIVILEGES, OWNER, Item, Right
from .names import NotCarried, of_column, quoted, target

_GRANTED_ON = {
    "table": "TABLE", "view": "TABLE", "materialized-view": "TABLE", "foreign-table": "TABLE",
    COLUMN: "TABLE", "sequence": "SEQUENCE", "function": "ROUTINE", "procedure": "ROUTINE",
    "aggregate": "ROUTINE", "schema": "SCHEMA", "language": "LANGUAGE", "type": "TYPE", "domain": "TYPE",
    "foreign-data-wrapper": "FOREIGN DATA WRAPPER", "server": "FOREIGN SERVER",
    "large-object": "LARGE OBJECT",
    "tablespace": "TABLESPACE", DATABASE: "DATABASE", "parameter-acl": "PARAMETER",
}  # fmt: skip
_DEFAULTS = re.compile(
    r"(for role .+?(?: in schema .+)?) on (tables|sequences|functions|types|schemas|large objects)"
)


def change_rights(difference: Difference) -> Iterator[str]:
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
        begin, on = "", f"{_GRANTED_ON[item.kind]} {target(item)}"
        if item.kind == COLUMN:
            table, column = of_column(item)
            name, on = f"{name} ({column})", f"TABLE {table}"
    if verb == "GRANT":
        text = f"{begin}GRANT {name} ON {on} TO {whom}{' WITH GRANT OPTION' if passed else ''}"
    else:
        text = f"{begin}REVOKE {name} ON {on} FROM {whom}{'' if begin else ' CASCADE'}"
    yield text if by is None else f"SET LOCAL ROLE {quoted(by)}; {text}; RESET ROLE"
