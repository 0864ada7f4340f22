"""Texts about a row that was refused, without the row's values: a report may be sent to others."""

from __future__ import annotations

import re

# A name of the schema stays; a value may hold quotes of its own, so all is left out until the last one.
_OF_SCHEMA = "column|constraint|function|index|relation|table|trigger|type"
_QUOTED = re.compile(rf"""\b(?:{_OF_SCHEMA}) "[^"\n]*"|(["'])""")
_ROW = re.compile(r"(=|contains )\(.*\)", re.DOTALL)
# As load.rejects tells of a row, where a load takes no bad one: place, table, column and value, reason.
_TOLD = re.compile(r"(:\d+: table [^\n]*)")
_VALUE = re.compile(r"(, column [^\n:]*: )('(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\")")
_LEFT = "(value left out)"


def reason_alone(reason: str, value: object = None) -> str:
    """Return why a row was refused, without what was in it.

    PostgreSQL quotes a value, or shows a whole row in brackets; a trigger of the schema may write it as it
    likes, so the values that are known are looked for, too.

    Args:
        reason: as the reader or the server told it.
        value: the value, or the values, that were refused.
    """
    short = _ROW.sub(r"\1(...)", _unquoted(reason))
    for leaf in sorted(set(_leaves(value)), key=len, reverse=True):
        short = re.sub(rf"(?<!\w){re.escape(leaf)}(?!\w)", "...", short)
    return short


def told_alone(text: str) -> str:
    """Return a failure's text, in which a row may be told of, without the row's values."""
    return _TOLD.sub(lambda found: reason_alone(_VALUE.sub(rf"\1{_LEFT}", found[1])), text)


def _unquoted(reason: str) -> str:
    for found in _QUOTED.finditer(reason):
        last = reason.rfind(found[1]) if found[1] else 0
        if last > found.start():
            return f"{reason[: found.start()]}{found[1]}...{found[1]}{reason[last + 1 :]}"
    return reason


def _leaves(value: object) -> list[str]:
    """Return the texts in a value, of any depth that JSON can have; a short one says nothing by itself."""
    found: list[str] = []
    todo = [value]
    while todo and len(found) < _MOST:
        one = todo.pop()
        if isinstance(one, dict):
            todo += one.values()
        elif isinstance(one, list):
            todo += one
        elif one is not None and not isinstance(one, bool) and len(str(one)) < _LONG:
            found.append(str(one))
    return [one for one in found if one]


_MOST, _LONG = 200, 2000  # values of a row; characters of one
