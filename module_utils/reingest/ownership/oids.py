"""Columns whose values are OIDs, and large objects: the dataset says of each what it is."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

from ..dataset.model import Dataset
from ..dataset.model import Table as Named
from ..dataset.oids import LARGE_OBJECT, NUMBER
from ..dataset.owners import PORTAL
from .catalog import Catalog
from .fault import Fault
from .owners import key_of, owned_by
from .types import holds_oid, is_oid, shown

LARGE_OBJECTS = "pg_largeobject"


def oid_faults(dataset: Dataset, made: Catalog, live: Catalog) -> list[Fault]:
    """Return what the dataset does not say, or says wrongly, of the OIDs in portal-owned tables."""
    owned = dict.fromkeys(chain(*(owned_by(dataset, catalog, PORTAL).values() for catalog in (live, made))))
    faults = large_object_fault(dataset, live) if owned else []
    for name in owned:
        table = dataset.table(name)
        if table is not None:
            faults += _of_table(dataset, table, made, live)
    return faults


def carries_large_objects(dataset: Dataset) -> bool:
    """Return whether the dataset says which columns name large objects: the switch carries those."""
    return any(LARGE_OBJECT in table.oids.values() for table in dataset.tables)


def large_object_fault(dataset: Dataset, live: Catalog) -> list[Fault]:
    """Return the fault of a production with large objects that no column is said to name."""
    if not live.large_objects or carries_large_objects(dataset):
        return []
    return [
        Fault(
            LARGE_OBJECTS,
            f"production's database has large objects, and {dataset.file} does not say which columns of "
            "portal-owned tables name them: the switch would leave them behind",
            "say it (`oids: {column: large object}`), or remove the large objects (vacuumlo)",
        )
    ]


def _of_table(dataset: Dataset, table: Named, made: Catalog, live: Catalog) -> list[Fault]:
    """Return the faults of a table with its children, in both databases."""
    columns: dict[str, str] = {}
    found: dict[str, tuple[str, bool]] = {}  # type, and whether it is one OID, of the columns that hold some
    for catalog in (live, made):
        for relation, follows in owned_by(dataset, catalog, PORTAL).items():
            if follows != table.name:
                continue
            for column in catalog.tables[relation].columns.values():
                columns.setdefault(column.name, column.type)
                if holds_oid(column.type, catalog.types):
                    alone = is_oid(column.type, catalog.types)
                    found[column.name] = (shown(column.type), alone and found.get(column.name, ("", True))[1])
    faults = [_undeclared(dataset, table, found)] if found.keys() - table.oids.keys() else []
    for name, meaning in table.oids.items():
        if name not in found:
            said = (
                f"is of type {shown(columns[name])}, which holds none" if name in columns else "is not there"
            )
            faults.append(_wrong(dataset, table, name, said, "correct its name, or take it out"))
        elif meaning == LARGE_OBJECT and not found[name][1]:
            said = f"is of type {found[name][0]}, and only a column of one OID names a large object"
            faults.append(_wrong(dataset, table, name, said, f"say `{NUMBER}`, which carries it as it is"))
    return faults


def _undeclared(dataset: Dataset, table: Named, found: Mapping[str, tuple[str, bool]]) -> Fault:
    said = {**{name: LARGE_OBJECT if alone else NUMBER for name, (_, alone) in found.items()}, **table.oids}
    names = ", ".join(f"{name} ({found[name][0]})" for name in found if name not in table.oids)
    oids = ", ".join(f"{key_of(name)}: {meaning}" for name, meaning in said.items())
    orphans = "" if table.orphans == "quarantine" else f", orphans: {table.orphans}"
    return Fault(
        table.name,
        f"table {table.name}: columns {names} hold OIDs, and {dataset.file} does not say what they are",
        f"put this line in place of the table's own under `tables:` ({LARGE_OBJECT}: each names one, which "
        f"is carried with its row; {NUMBER}: the value is carried as it is, whatever it means):",
        (f"  {key_of(table.name)}: {{owner: {PORTAL}{orphans}, oids: {{{oids}}}}}",),
    )


def _wrong(dataset: Dataset, table: Named, name: str, said: str, remedy: str) -> Fault:
    return Fault(
        table.name,
        f"table {table.name}: {dataset.file} says what the OIDs in its column {name} are, which {said}",
        remedy,
    )
