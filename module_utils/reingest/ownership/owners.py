"""Each table has one owner: the dataset names it, or it follows the table that it is a part of."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection

from ..dataset.model import Dataset
from ..dataset.owners import PORTAL, SCHEMA
from .catalog import Catalog
from .fault import Fault

# What YAML reads as the text that it is; a word that it reads as something else is quoted, too.
_PLAIN = re.compile(r"(?!(?i:y|n|yes|no|on|off|true|false|null)\Z)[A-Za-z_][A-Za-z0-9_.]*")


def owners_of(dataset: Dataset, catalog: Catalog, name: str) -> set[str]:
    """Return a table's owners by its own line, or by those of the tables above it: one, if all is well."""
    named = dataset.table(name)
    if named is not None:
        return {named.owner}
    parents = catalog.tables[name].parents if name in catalog.tables else ()
    return {owner for parent in parents for owner in owners_of(dataset, catalog, parent)}


def owned_by(dataset: Dataset, catalog: Catalog, owner: str) -> dict[str, str]:
    """Return the tables of that owner, without partitions; each with the dataset's table that it follows."""
    return {
        name: _named(dataset, catalog, name)
        for name, table in catalog.tables.items()
        if not table.partition and owners_of(dataset, catalog, name) == {owner}
    }


def _named(dataset: Dataset, catalog: Catalog, name: str) -> str:
    if dataset.table(name) is not None:
        return name
    owned = (parent for parent in catalog.tables[name].parents if owners_of(dataset, catalog, parent))
    return _named(dataset, catalog, next(owned))


def owner_faults(
    dataset: Dataset, made: Catalog, live: Catalog, filled: Collection[str] = (), *, by_schema: bool = True
) -> list[Fault]:
    """Return one fault for all tables without an owner, with the lines to add; and children of two owners.

    Args:
        dataset: the dataset.
        made: what the schema, or the portal's loader, makes.
        live: what production has.
        filled: tables that the schema puts rows into.
        by_schema: whether what production has must be made by the schema.
    """
    misspelt = _misspelt(dataset, made, live)
    faults = [
        Fault(
            said,
            f"{dataset.file} names table {said}, which neither the schema nor production has",
            f"did you mean {meant}? Correct the name",
        )
        for meant, said in misspelt.items()
    ]
    missing = {
        name: _line(name, name in made.tables, name in live.tables, name in filled, by_schema=by_schema)
        for name in sorted({*made.tables, *live.tables})
        if name not in misspelt and any(_has_none(dataset, catalog, name) for catalog in (made, live))
    }
    if missing:
        names = ", ".join(missing)
        which = f"table {names} has no owner" if len(missing) == 1 else f"tables {names} have no owner"
        faults.append(
            Fault(
                next(iter(missing)),
                f"{which} in {dataset.file}",
                "add these lines under `tables:`, with another owner where that is right (portal: users "
                "write it, its rows are carried over; schema: its rows come with it; source: needs `from:`):",
                tuple(missing.values()),
            )
        )
    found: dict[str, Fault] = {}
    for catalog in (made, live):
        for name in catalog.tables:
            fault = _torn(dataset, catalog, name)
            if fault is not None:
                found.setdefault(name, fault)
    return [*faults, *found.values()]


def _misspelt(dataset: Dataset, made: Catalog, live: Catalog) -> dict[str, str]:
    """Return the tables without an owner that the dataset names by another name, each with that name."""
    there = {*made.tables, *live.tables}
    nobodys = sorted(name for name in there if any(_has_none(dataset, one, name) for one in (made, live)))
    found = {}
    for table in dataset.tables:
        near = [] if table.name in there else difflib.get_close_matches(table.name, nobodys, n=1, cutoff=0.8)
        if near:
            found[near[0]] = table.name
    return found


def _has_none(dataset: Dataset, catalog: Catalog, name: str) -> bool:
    """Return whether a table, where there is one of the name, is no part of another one and nobody's."""
    table = catalog.tables.get(name)
    return table is not None and not table.parents and not owners_of(dataset, catalog, name)


def _line(name: str, made: bool, live: bool, filled: bool, *, by_schema: bool) -> str:
    """Return the line to add; portal is the owner by which no row is lost."""
    owner = SCHEMA if filled else PORTAL
    where = "production has it, the schema does not: add it there, or drop it in production"
    if made or not by_schema:
        places = [place for place, has in (("the schema", made and by_schema), ("production", live)) if has]
        where = f"in {' and in '.join(places)}" if places else "the loader made it"
    return f"  {key_of(name)}: {{owner: {owner}}}  # {where}"


def key_of(name: str) -> str:
    """Return a name as a key of the dataset, quoted where YAML would read something else."""
    return name if _PLAIN.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def _torn(dataset: Dataset, catalog: Catalog, name: str) -> Fault | None:
    """Return what is wrong with a child whose owner is not the one of the tables that it inherits from."""
    above = {
        parent: owners_of(dataset, catalog, parent)
        for parent in catalog.tables[name].parents
        if owners_of(dataset, catalog, parent)
    }
    named = dataset.table(name)
    owners = set().union(*above.values()) | ({named.owner} if named else set())
    if not above or len(owners) < 2:
        return None
    parents = ", ".join(f"{parent} ({_listed(own)})" for parent, own in above.items())
    own = f", and its own owner is {named.owner}" if named else ""
    return Fault(
        name,
        f"table {name} inherits from {parents}{own}: a row of it is a row of each of them",
        f"give them one owner in {dataset.file}; a child may be left out there, it follows its table",
    )


def _listed(owners: set[str]) -> str:
    return ", ".join(sorted(owners))
