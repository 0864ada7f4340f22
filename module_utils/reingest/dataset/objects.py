"""`objects:` of the dataset: what becomes of what somebody made in production by hand."""

from __future__ import annotations

import re

from .document import Section
from .model import ObjectRule

CARRY = "carry"  # made in the load as it is in production
FAIL = "fail"  # a finding of the verification
IGNORE = "ignore"  # left behind
_KIND = re.compile(r"[a-z*?][a-z*?-]*")


def read_objects(top: Section) -> tuple[ObjectRule, ...]:
    """Return the rules, in the order of the file: the first that fits counts.

    Raises:
        Refusal: one has not its three keys, or a kind that is none.
    """
    rules = []
    for entry in top.sections("objects"):
        entry.only(("kind", "name", "do"))
        kind = entry.text("kind").replace(" ", "-").lower()
        if not _KIND.fullmatch(kind):
            raise entry.refusal("must be a kind such as view, function or privileges", "kind")
        rules.append(ObjectRule(kind, entry.text("name"), entry.choice("do", (CARRY, FAIL, IGNORE))))
    return tuple(rules)
