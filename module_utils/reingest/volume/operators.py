"""Who may run an ingest: people named by their ORCID iD."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..errors import Refusal

_FORM = re.compile(r"(?:https?://orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dX])")


def orcid(text: str) -> str:
    """Return the ORCID iD in its short form, ``0000-0002-1825-0097``.

    The last character is a checksum, ISO 7064 mod 11-2:
    https://support.orcid.org/hc/en-us/articles/360006897674

    Raises:
        Refusal: the text has not the form of an iD, or its checksum is wrong.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise Refusal(f"{text!r} is not an ORCID iD: expected the form 0000-0002-1825-0097")
    digits = match.group(1).replace("-", "")
    total = 0
    for digit in digits[:-1]:
        total = (total + int(digit)) * 2
    check = (12 - total % 11) % 11
    expected = "X" if check == 10 else str(check)
    if digits[-1] != expected:
        raise Refusal(f"{text!r} is not an ORCID iD: its checksum is wrong, a digit was mistyped")
    return match.group(1)


def authorised(operator: str, operators: Sequence[str]) -> str:
    """Return the operator's iD in its short form.

    Raises:
        Refusal: no operator was named, an iD is malformed, or the operator is not one of the operators.
    """
    if not operators:
        raise Refusal("nobody may run this: reingest_operators is empty; list the ORCID iDs of the operators")
    known = [orcid(one) for one in operators]
    if not operator.strip():
        raise Refusal(
            "who runs this? set reingest_operator, or REINGEST_OPERATOR in the environment, to your ORCID iD"
        )
    who = orcid(operator)
    if who not in known:
        raise Refusal(f"{who} is not one of the operators of this portal; add the iD to reingest_operators")
    return who
