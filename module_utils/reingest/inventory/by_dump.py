"""Which kinds of objects are carried by what pg_dump writes, and whether this host has it."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing

from ..dataset.model import ObjectRule
from ..dataset.objects import CARRY
from ..dataset.pattern import matches
from ..errors import Refusal
from ..frame.finding import Finding
from ..postgres.archives import Programs, programs_of_major
from ..postgres.dsn import connect, with_database

DUMPED = frozenset(
    (
        "aggregate", "type", "domain", "sequence", "cast", "collation", "conversion", "operator",
        "operator-family", "operator-class", "language", "access-method", "foreign-data-wrapper", "server",
        "foreign-table", "text-search-parser", "text-search-template", "text-search-dictionary",
        "text-search-configuration", "transform", "publication", "publication-relation",
        "publication-namespace", "event-trigger",
    )
)  # fmt: skip
_WHOSE = "the definitions of types, sequences, publications and other objects"
PROGRAMS = "pg_dump"  # the finding that they are missing


def wants_dump(rules: Collection[ObjectRule]) -> bool:
    """Return whether the dataset carries objects by rules that need a definition of pg_dump."""
    return any(rule.do == CARRY and any(matches(rule.kind, kind) for kind in DUMPED) for rule in rules)


def look_for_programs(dsn: str, rules: Collection[ObjectRule]) -> tuple[list[Finding], list[str]]:
    """Return that this host lacks the programs that the rules need, or where they are.

    Raises:
        Refusal: production does not answer.
    """
    if not wants_dump(rules):
        return [], []
    with closing(connect(with_database(dsn, "postgres"))) as connection:
        major = connection.server_version // 10_000
    try:
        programs = dump_programs(major)
    except Refusal as error:
        reason = f"`objects:` of the dataset carries definitions, and {error}"
        remedy = (
            "or name kinds to carry that need none: views, functions, indexes, constraints, triggers, rules"
        )
        return [Finding(PROGRAMS, reason, remedy, state=str(major))], []
    return [], [f"definitions can be carried: by {programs.dump} and {programs.restore}"]


def dump_programs(major: int) -> Programs:
    """Return the programs that write the definitions of a server of that major version.

    Raises:
        Refusal: this host lacks one.
    """
    return programs_of_major(major, _WHOSE)
