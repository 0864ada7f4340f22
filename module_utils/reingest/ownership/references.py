"""References between tables of two owners: what a portal-owned row names must be the same after each load."""

from __future__ import annotations

from ..dataset.model import Dataset
from ..dataset.owners import PORTAL, SOURCE
from .catalog import Catalog, Column, Reference
from .fault import Fault
from .owners import owned_by


def reference_faults(dataset: Dataset, made: Catalog, *, loads: bool) -> list[Fault]:
    """Return the references that a load would turn to other rows, or cannot keep.

    Args:
        dataset: the dataset, its columns complete.
        made: what the schema makes.
        loads: whether the load fills the tables by their `columns:`; False for the portal's own loader.
    """
    portal, source = owned_by(dataset, made, PORTAL), owned_by(dataset, made, SOURCE)
    # A partition is its table; `owned_by` leaves it out.
    faults = []
    for reference in made.references:
        child, parent = _whole(made, reference.table), _whole(made, reference.parent)
        if child in source and parent in portal:
            faults.append(_backwards(reference))
        elif child in portal and parent in source:
            faults.extend(_unstable(dataset, made, reference, source[parent], loads=loads))
    return faults


def _whole(catalog: Catalog, name: str) -> str:
    """Return the table that a partition belongs to."""
    while catalog.tables[name].partition and catalog.tables[name].parents:
        name = catalog.tables[name].parents[0]
    return name


def _backwards(reference: Reference) -> Fault:
    return Fault(
        reference.table,
        f"table {reference.table}, column {', '.join(reference.columns)}: it is source-owned and references "
        f"portal-owned {reference.parent} ({reference.name}), whose rows are not there when it is loaded",
        "take the reference out of the schema, or give both tables one owner",
    )


def _unstable(
    dataset: Dataset, made: Catalog, reference: Reference, named: str, *, loads: bool
) -> list[Fault]:
    """Return a fault for each referenced column whose values a load makes, not the source."""
    table = dataset.table(named)
    parent = made.tables[reference.parent]
    fed = {column.name for column in table.columns} if loads and table and table.sources else None
    faults = []
    for own, name in zip(reference.columns, reference.parent_columns):
        column = parent.columns[name]
        if _is_stable(column, fed):
            continue
        made_by = "counts it" if column.numbered else "takes its default" if column.default else "leaves it"
        example = (
            "`17` names another record after each ingest"
            if column.numbered
            else "its value names no record, or another one, after the next ingest"
        )
        faults.append(
            Fault(
                reference.table,
                f"table {reference.table}, column {own}: it references {reference.parent}.{name}, which does "
                f"not come from the source (the load {made_by}): {example}",
                f"fill {reference.parent}.{name} from the source (`columns:` of {named}), or reference a "
                f"unique column of {reference.parent} that the source fills",
            )
        )
    return faults


def _is_stable(column: Column, fed: set[str] | None) -> bool:
    """Return whether a column has the same value of the same record in each load, as far as can be told.

    ``fed`` are the columns that the source fills; None where something else fills the table.
    """
    if fed is None:
        return not column.numbered
    return column.name in fed or (bool(column.reads) and fed.issuperset(column.reads))
