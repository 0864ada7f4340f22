"""Which rows go where: production's portal-owned tables against those of the database that is to serve."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ..dataset.oids import LARGE_OBJECT, NUMBER, OID_MEANINGS
from ..ownership.types import Types, holds_oid, is_oid, misfit
from .catalogue import Column, Table
from .unit import Relation, Unit

PARTITIONED, _FOREIGN = "p", "f"  # relkind


@dataclass(frozen=True)
class CarryPlan:
    """What is carried; ``faults`` are why it cannot be."""

    units: tuple[Unit, ...]
    faults: tuple[str, ...]

    @property
    def tables(self) -> tuple[str, ...]:
        """Return the tables, each once."""
        return tuple(dict.fromkeys(unit.table for unit in self.units))


def plan_carry(production: Mapping[str, Table], next_: Mapping[str, Table], called: str) -> CarryPlan:
    """Plan what is carried.

    Args:
        production: the portal-owned tables of the database that serves.
        next_: those of the database that is to serve, with the orphans' policy that counts.
        called: what that database is called in messages, such as "the load".
    """
    units: list[Unit] = []
    faults: list[str] = []
    for name, table in production.items():
        there = next_.get(name)
        if there is None:
            faults.append(
                f"table {name} is written by the portal's users, and {called} has no such table: add it to "
                "the schema, or drop it in production"
            )
            continue
        for relation, above in table.above.items():
            shown = name if len(table.units) == 1 else f"{name} (its child {relation[0]}.{relation[1]})"
            target = heir(relation, above, there)
            if target is None:
                faults.append(
                    f"table {shown}: {called} has no table {relation[0]}.{relation[1]}: add it to the schema"
                )
                continue
            found = _unit(shown, table, relation, there, target)
            if isinstance(found, Unit):
                units.append(found)
            else:
                faults += found
    return CarryPlan(tuple(units), tuple(faults))


def heir(relation: Relation, above: Sequence[Relation], there: Table) -> Relation | None:
    """Return the relation that takes the rows of one: of a child that is not there, what it inherits from."""
    return next((one for one in (relation, *above) if one in there.units), None)


def of_its_own(columns: Sequence[str], heirs: Collection[str]) -> list[str]:
    """Return why rows of a child cannot go into the relation that it inherits from; none where they can.

    A column that only the child has would get a value in the rows of that relation, too.
    """
    own = ", ".join(name for name in columns if name not in heirs)
    return (
        [f"column {own} is the child's own, and such a child is not there: add it to the schema"]
        if own
        else []
    )


def _unit(shown: str, live_table: Table, relation: Relation, table: Table, to: Relation) -> Unit | list[str]:
    parts, target = live_table.units[relation], table.units[to]
    faults = [
        f"table {shown}: {part.relation[0]}.{part.relation[1]} is a foreign table, its rows lie elsewhere: "
        "take it "
        "out of the portal-owned tables"
        for part in parts
        if part.kind == _FOREIGN
    ]
    live, new = parts[0].columns, target[0].columns
    # In the order of the table itself: rows of a child that come into it are summed up like its own.
    first = next(iter(live_table.units.values()))[0].columns
    ordered = [*(name for name in first if name in live), *(name for name in live if name not in first)]
    carried = [live[name] for name in ordered if not live[name].generated]
    if to != relation:
        taken = [column.name for column in carried if column.name in new]
        own = of_its_own(taken, live_table.units[to][0].columns)
        faults += [f"table {shown}: {fault}" for fault in own]
    for column in carried:
        faults += _column_faults(shown, column, new.get(column.name), live_table.types, table.types)
        faults += _oid_faults(shown, column, table.terms.oids.get(column.name), live_table.types)
    faults += [
        f"table {shown}: the new column {column.name} takes no NULL and has no default, and production's "
        "rows have "
        "no value for it: give it a default, or add it to production first"
        for column in new.values()
        if column.name not in live and column.required
    ]
    if faults:
        return faults
    same = all(new[column.name].type == column.type and column.binary for column in carried)
    return Unit(
        table.name,
        table.terms.orphans,
        relation,
        live_table.above[relation],
        to,
        tuple(column.name for column in carried),
        tuple(column.type for column in carried),
        same,
        parts[0].kind == PARTITIONED,
        target[0].kind == PARTITIONED,
        tuple(column.name for column in carried if table.terms.oids.get(column.name) == LARGE_OBJECT),
    )


def _column_faults(shown: str, live: Column, new: Column | None, old_types: Types, types: Types) -> list[str]:
    where = f"table {shown}: column {live.name}"
    if new is None:
        return [f"{where} of production is not in the new schema: add it, or rename it in production first"]
    if new.generated:
        return [
            f"{where} is generated in the new schema, and production's rows have values of their own for it"
        ]
    reason = misfit(live.type, new.type, old_types, types)
    if not reason:
        return []
    return [
        f"{where} is {live.type} in production and {new.type} in the new schema ({reason}): keep the type, "
        "or change production first"
    ]


def _oid_faults(shown: str, column: Column, meaning: str | None, types: Types) -> list[str]:
    where = f"table {shown}: column {column.name} is of type {column.type}"
    alone = is_oid(column.type, types)
    if holds_oid(column.type, types) and meaning not in OID_MEANINGS:
        return [
            f"{where} and holds OIDs, and the dataset does not say what they are: add `oids: {{"
            f"{column.name}: {LARGE_OBJECT if alone else NUMBER}}}` to the table, and load again"
        ]
    if meaning == LARGE_OBJECT and not alone:
        return [f"{where}, which names no large object: correct `oids:` of the table, and load again"]
    return []


def misfits(unit: Unit, there: Table, to: Relation) -> list[str]:
    """Return why a relation cannot hold the rows of a unit that was taken before.

    Of types that users made only the names were kept: one of the same name counts as the same.
    """
    new = there.units[to][0].columns
    faults = [
        f"column {name} is not there" for name in unit.columns if name not in new or new[name].generated
    ]
    for name, type_ in zip(unit.columns, unit.types):
        if name not in new:
            continue
        type_there = new[name].type
        fits = type_there == type_ or not (unit.binary or misfit(type_, type_there, there.types, there.types))
        faults += [] if fits else [f"column {name} is {type_}, and {type_there} there"]
    faults += [
        f"column {column.name} takes no NULL"
        for column in new.values()
        if column.required and column.name not in unit.columns
    ]
    return faults
