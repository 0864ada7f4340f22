"""What is carried, as values: rows of a relation, and where a sequence is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Relation = tuple[str, str]  # schema and name
ORPHANS = "quarantine"  # what the dataset means where it says nothing, as it does in loads of before


@dataclass(frozen=True)
class Terms:
    """What the load wrote down of a portal-owned table."""

    orphans: str = ORPHANS
    oids: Mapping[str, str] = field(default_factory=dict)  # by column, what its OIDs are


@dataclass(frozen=True)
class Unit:
    """Rows that are copied as one: of a relation and its partitions, into it or into one above it."""

    table: str  # the portal-owned table whose rows they are
    orphans: str
    source: Relation
    above: tuple[
        Relation, ...
    ]  # what the source inherits from, nearest first: one of these may take its rows
    target: Relation
    columns: tuple[str, ...]
    types: tuple[str, ...]  # of the columns, where the rows lie
    binary: bool
    from_partitions: bool  # where they lie; else in the relation alone, without its inheritance children
    to_partitions: bool  # where they are put
    large_objects: tuple[str, ...] = ()  # the columns whose OIDs name some, which are carried with the rows


# The quarantine itself is carried as it is, before its rows are tried again.
QUARANTINE_UNIT = Unit(
    "reingest.quarantine",
    "quarantine",
    ("reingest", "quarantine"),
    (),
    ("reingest", "quarantine"),
    ("relation", "columns", "row_values", "reason", "run", "since"),
    ("text", "text[]", "text[]", "text", "text", "timestamp with time zone"),
    binary=False,
    from_partitions=False,
    to_partitions=False,
)


@dataclass(frozen=True)
class Counter:
    """Where a sequence of portal-owned tables is, or one that no table counts by."""

    schema: str
    name: str
    last: int
    called: bool
    shared: bool  # also another table's rows are counted by it
