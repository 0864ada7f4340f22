"""What of a definition may be a secret, and how it is shown."""

from __future__ import annotations

import re

from .model import Item

MASK = "***"
SECRET = re.compile(r"\.|pass|secret|token|credential|_key", re.IGNORECASE)
_WITH_OPTIONS = ("server", "foreign-data-wrapper", "foreign-table", "user-mapping")
# An option as pg_dump writes it: its name, in quotes or not, and its value.
_OPTION = re.compile(r"""((?:"(?:[^"]|"")*"|\w+) )E?'(?:[^']|'')*'""")


def shown_definition(item: Item, text: str) -> str:
    """Return the statement that makes an object without the values of options that may be secrets."""
    if item.kind not in _WITH_OPTIONS:
        return text
    return _OPTION.sub(lambda one: f"{one[1]}'{MASK}'" if SECRET.search(one[1]) else one[0], text)
