"""What becomes of what was made by hand in production: by the rules of the dataset, else by its kind."""

from __future__ import annotations

from collections.abc import Sequence

from ..dataset.model import ObjectRule
from ..dataset.objects import CARRY, FAIL
from ..dataset.pattern import matches
from .compare import BOTH, RELEASE, Difference
from .model import DEFAULT_PRIVILEGES, POLICY, SETTING

# What needs no definition, and what a switch would open or close to people.
CARRIED = ("privileges", DEFAULT_PRIVILEGES, "owner", "comment", POLICY, "row-security", SETTING)


def rule_of(difference: Difference, rules: Sequence[ObjectRule]) -> ObjectRule | None:
    """Return the first rule of the dataset that names a difference."""
    item = difference.item
    names = (item.identity, f"{item.kind}:{item.identity}")
    return next(
        (
            rule
            for rule in rules
            if matches(rule.kind, difference.kind) and any(matches(rule.name, name) for name in names)
        ),
        None,
    )


def decided(difference: Difference, rules: Sequence[ObjectRule]) -> str:
    """Return what becomes of a difference: carry, fail or ignore; empty where the release means it."""
    if difference.cause == RELEASE:
        return ""
    rule = rule_of(difference, rules)
    if rule is not None:
        return rule.do
    # What the release has changed, too, somebody has to look at.
    return CARRY if difference.kind in CARRIED and difference.cause != BOTH else FAIL
