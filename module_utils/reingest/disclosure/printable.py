"""Text of a host, a file or a server as it may be shown: nothing in it moves the cursor or hides a part."""

from __future__ import annotations

import re

from ..errors import Refusal

# C0, DEL and C1 move a terminal's cursor or change its state (ECMA-48); line and paragraph separators end a
# line; zero-width characters, the soft hyphen and tags hide text; bidirectional controls reorder it (UAX #9,
# https://trojansource.codes). Surrogates cannot be written as UTF-8.
UNSEEN = (
    "\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\uffff\ud800-\udfff\U000e0000-\U000e0fff"
)
_LONGEST = 200
_IN_LINE = re.compile(f"[{UNSEEN}]")
_IN_TEXT = re.compile(f"(?![\t\n])[{UNSEEN}]")


def printable(text: str) -> str:
    r"""Return a text as one line in which every character is seen: one that is not stands as ``\x1b``."""
    return _IN_LINE.sub(_escaped, text)


def printable_text(text: str) -> str:
    """Return a text of several lines like ``printable``; its lines and tabs stay."""
    return _IN_TEXT.sub(_escaped, text)


def name_of(text: str, what: str) -> str:
    """Return a name that is shown and written down wherever its thing is, such as a release's.

    Raises:
        Refusal: it is too long, or has characters that are not seen.
    """
    if len(text) > _LONGEST or printable(text) != text:
        raise Refusal(
            f"the {what} {printable(text[:_LONGEST])} has more than {_LONGEST} characters, or some that are "
            "not seen: give it another name"
        )
    return text


def _escaped(found: re.Match[str]) -> str:
    return ascii(found[0])[1:-1]
