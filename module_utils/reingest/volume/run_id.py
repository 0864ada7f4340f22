"""Run ids: one word of letters, digits and ``. _ -``, as ``20261123T114500Z-4711``.

An id names a folder, and stands in commands to copy: what has another form is no id.
"""

from __future__ import annotations

from ..errors import Refusal
from ..fs.record_values import is_run

UNKNOWN = "unknown"  # stands for a run whose claim is damaged, or names it by what is no id


def told_run(text: str) -> str:
    """Return the word by which a run is named in a command to copy: never unchecked text."""
    return text if is_run(text) else UNKNOWN


def checked_run(text: str) -> str:
    """Return the id.

    Raises:
        Refusal: the text has another form.
    """
    if not is_run(text):
        raise Refusal(f"{text!a} is not a run's id: expected one such as 20261123T114500Z-4711")
    return text
