"""Everything beside rows that production has: found, told, or carried, by the rules of the dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Callable

from ..dataset.model import Dataset
from ..dataset.objects import CARRY, FAIL, IGNORE
from ..frame.finding import Finding
from ..inventory.baseline import read_baseline
from ..inventory.by_dump import DUMPED
from ..inventory.carry import Carried, carry_objects
from ..inventory.compare import ASPECTS, RELEASE, Difference, compare
from ..inventory.dumped import Dumped, read_dumped
from ..inventory.model import CATALOGUE, COLUMN, TABLE, Inventory
from ..inventory.read import read_inventory
from ..inventory.rules import decided, rule_of
from ..inventory.show import remedy, said, state
from ..inventory.statements import is_carried
from ..ownership.oids import LARGE_OBJECTS, carries_large_objects
from ..postgres.dsn import address
from ..postgres.session import pinned, pinned_reading

_SHOWN = 5  # names in a line that tells of many


@dataclass(frozen=True)
class Objects:
    """What production has, and where the load differs; ``unknown`` says why there is no base line."""

    dataset: Dataset
    production: Inventory
    base: Inventory | None
    unknown: str
    differences: tuple[Difference, ...]
    dumped: Dumped = field(default_factory=Dumped)  # what pg_dump wrote of production
    failed: dict[str, str] = field(default_factory=dict)  # why what was to be carried cannot be

    @property
    def to_carry(self) -> tuple[Difference, ...]:
        """Return what is made in the load as it is in production."""
        return tuple(one for one in self.differences if decided(one, self.dataset.objects) == CARRY)

    def carry(self, staging_dsn: str, *, keep: bool) -> Carried:
        """Make it so in the load, in one transaction; without ``keep`` only try it.

        Raises:
            Refusal: the staging server does not answer, or what was tried cannot be done any more.
        """
        with closing(pinned(staging_dsn, self.dataset.database)) as connection:
            return carry_objects(
                connection,
                self.production,
                self.base,
                self.dataset.objects,
                dumped=self.dumped,
                keep=keep,
                known=self.failed,
            )

    def findings(self, found: Collection[str], follows: Callable[[str], bool]) -> Iterator[Finding]:
        """Yield what is missing or different.

        Args:
            found: the names of what other checks have found: of a table they say it once.
            follows: whether a table of production is a part of another one, which takes its rows.
        """
        for name in self.production.unread:
            yield Finding(
                f"object:{CATALOGUE}:{name}",
                f"the login to production may not read {name}, so that nothing is known of what is in it",
                "verify with a superuser's login (reingest_production_dsn)",
            )
        for one in self.differences:
            decision = decided(one, self.dataset.objects)
            if decision == FAIL and not self._is_told(one, found, follows):
                yield Finding(one.name, said(one), remedy(one, carried=is_carried(one)), state=state(one))
            elif one.name in self.failed and decision == CARRY and not self._is_told(one, found, follows):
                yield Finding(
                    one.name,
                    f"{said(one)}; it was to be carried, and cannot be: {self.failed[one.name]}",
                    remedy(one, carried=False),
                    state=state(one),
                )

    def _is_told(self, one: Difference, found: Collection[str], follows: Callable[[str], bool]) -> bool:
        """Return whether another check tells of a table, or its rows go into the one that it follows."""
        item = one.item
        if item.kind == "large-object":
            return carries_large_objects(self.dataset) or f"schema:{LARGE_OBJECTS}" in found
        if item.kind not in (TABLE, COLUMN) or not item.table:
            return False
        if one.facts == ("persistence",) and f"unlogged:{item.table}" in found:
            return True
        if f"schema:{item.table}" in found and one.kind in (TABLE, COLUMN):
            return not one.facts or one.facts == ("type",)
        return one.load is None and item.kind == TABLE and follows(item.table)

    def told(self) -> list[str]:
        """Return what is no finding: what the release intends, and what is ignored."""
        lines = []
        if self.unknown:
            lines.append(
                "what production's own load made is not known "
                f"({self.unknown}): all that differs counts as made by hand"
            )
        intended = [one for one in self.differences if one.cause == RELEASE]
        if self.dumped.where:
            lines.append(f"what is carried was written by {self.dumped.where}, too")
        ignored = [one for one in self.differences if decided(one, self.dataset.objects) == IGNORE]
        lines += _counted("the release changes", intended) + _counted(
            "left behind, as the dataset says:", ignored
        )
        return lines

    def idle_rules(self) -> list[str]:
        """Return the rules of the dataset that name nothing, as warnings."""
        used = {rule_of(one, self.dataset.objects) for one in self.differences}
        return [
            f"objects: the rule {{kind: {rule.kind}, name: {rule.name}, do: {rule.do}}} of "
            f"{self.dataset.file} names nothing that differs"
            for rule in self.dataset.objects
            if rule not in used and rule.do != CARRY  # what was carried is the same by now
        ]


def look_at_objects(dataset: Dataset, staging_dsn: str, production_dsn: str) -> Objects:
    """Read both databases, and try what is to be carried; nothing is changed.

    Raises:
        Refusal: a server does not answer, or a table is locked.
    """
    with pinned_reading(production_dsn, dataset.database, autocommit=False) as connection:
        production = read_inventory(connection)
        base = read_baseline(connection, production.major)
    with pinned_reading(staging_dsn, dataset.database, autocommit=False) as connection:
        load = read_inventory(connection)
    unknown = f"{address(production_dsn)}: {base}" if isinstance(base, str) else ""
    known = None if isinstance(base, str) else base
    seen = Objects(dataset, production, known, unknown, compare(production, load, known))
    if seen.to_carry:
        seen = replace(seen, dumped=_dumped(seen, production_dsn))
        seen.failed.update(seen.carry(staging_dsn, keep=False).failed)
    return seen


def _dumped(seen: Objects, production_dsn: str) -> Dumped:
    """Return the definitions that are to be carried, and that only pg_dump writes, with their parts'."""
    wanted = {
        one.item.key
        for one in seen.to_carry
        if one.production is not None and one.kind not in ASPECTS.values()
    }
    items = [
        item
        for item in seen.production.items.values()
        if item.kind in DUMPED and (item.key in wanted or wanted.intersection(item.inside))
    ]
    if not items:
        return Dumped()
    return read_dumped(production_dsn, seen.dataset.database, seen.production.major, items)


def _counted(what: str, differences: Sequence[Difference]) -> list[str]:
    """Return one line for each kind."""
    lines = []
    for kind, count in Counter(one.kind for one in differences).items():
        names = [one.identity for one in differences if one.kind == kind]
        some = ", ".join(names[:_SHOWN]) + (", ..." if count > _SHOWN else "")
        lines.append(f"{what} {count} {kind.replace('-', ' ')}{'s' if count > 1 else ''} ({some})")
    return lines
