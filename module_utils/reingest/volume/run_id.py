"""Run ids: one word of letters, digits and ``. _ -``, as ``20261123T114500Z-4711``.

An id is the name of a folder, and is told in commands to copy: what has another form is no id.
"""

from __future__ import annotations

import re

from ..errors import Refusal

UNKNOWN = "unknown"  # stands for a run whose claim is damaged, or names it by what is no id
_FORM = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}")


def is_run(text: object) -> bool:
    """Return whether a value has the form of a run's id."""
    return isinstance(text, str) and _FORM.fullmatch(text) is not None


def told_run(text: str) -> str:
    """Return the word by which a run is named in a command to copy: never text that nobody has checked."""
    return text if is_run(text) else UNKNOWN


def checked_run(text: str) -> str:
    """Return the id.

    Raises:
        Refusal: the text has another form.
    """
    if not is_run(text):
        raise Refusal(f"{text!a} is not a run's id: expected one such as 20261123T114500Z-4711")
    return text
