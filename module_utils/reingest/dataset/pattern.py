"""Patterns of names: `*` is any text, `?` is any character, and all else is itself."""

from __future__ import annotations

import re
from functools import cache

_WILD = re.compile(r"([*?])")
_MEANS = {"*": ".*", "?": "."}


def is_pattern(text: str) -> bool:
    """Return whether a text may stand for several names."""
    return _WILD.search(text) is not None


def matches(pattern: str, name: str) -> bool:
    """Return whether a pattern stands for a name."""
    return _compiled(pattern).fullmatch(name) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = _WILD.split(pattern)
    return re.compile("".join(_MEANS.get(part) or re.escape(part) for part in parts), re.DOTALL)
