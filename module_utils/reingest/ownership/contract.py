"""The ownership contract of a load: judged before it, and all that stands against it told at once."""

from __future__ import annotations

from collections.abc import Collection

from ..dataset.model import Dataset
from ..dataset.owners import PORTAL
from ..errors import ListedRefusal
from ..postgres.dsn import Connection
from .catalog import Catalog, Table
from .fault import Fault, told
from .oids import oid_faults
from .owners import owned_by, owner_faults
from .portal_rows import ask, judge_table, missing_table, own_columns
from .references import reference_faults


def check_contract(
    dataset: Dataset,
    made: Catalog,
    live: Catalog,
    production: Connection | None,
    *,
    filled: Collection[str] = (),
    loads: bool = True,
) -> None:
    """Refuse a load after which a row of the portal's users would be lost, or mean something else.

    Args:
        dataset: the dataset, its columns complete.
        made: what the schema makes; empty where it is not known yet.
        live: what production has; empty at the first ingest.
        production: a read-only connection to production, in autocommit; None where there is none.
        filled: tables that the schema puts rows into.
        loads: whether the load fills the tables by their `columns:`; False for the portal's own loader.

    Raises:
        ListedRefusal: with everything that is wrong.
    """
    known = bool(made.tables)
    faults = owner_faults(dataset, made, live, filled, by_schema=known)
    if known:
        faults += portal_faults(dataset, made, live, production)
        faults += reference_faults(dataset, made, loads=loads)
    if faults:
        raise ListedRefusal(told(faults))


def portal_faults(
    dataset: Dataset, made: Catalog, live: Catalog, production: Connection | None
) -> list[Fault]:
    """Return what keeps production's rows of portal-owned tables from being carried into what was made."""
    owned = owned_by(dataset, live, PORTAL)
    faults = oid_faults(dataset, made, live)
    questions = []
    for name in owned:
        before = live.tables[name]
        after = _heir(dataset, made, live, name)
        if after is None:
            faults.append(missing_table(before))
            continue
        if after.name != name:
            faults += own_columns(before, live.tables[after.name], after)
        wrong, asked = judge_table(before, after, live.types, made.types)
        faults += wrong
        questions += asked
    return faults + (ask(production, questions) if production is not None else [])


def _heir(dataset: Dataset, made: Catalog, live: Catalog, name: str) -> Table | None:
    """Return the table that takes a table's rows: of a child that the schema does not make, its parent.

    A child that the dataset names is a table of its own, and its rows stay there.
    """
    if name in made.tables:
        return made.tables[name]
    parents = () if dataset.table(name) is not None else live.tables[name].parents
    return next(
        (heir for parent in parents if (heir := _heir(dataset, made, live, parent)) is not None), None
    )
