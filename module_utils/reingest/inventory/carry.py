"""Carry what was made by hand in production into the load: in one transaction, and proven at its end."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg2

from ..dataset.model import ObjectRule
from ..dataset.objects import CARRY, IGNORE
from ..errors import Refusal
from ..postgres.dsn import Connection, Cursor
from .compare import Difference, compare
from .dumped import Dumped
from .model import Inventory, Key
from .names import NotCarried
from .read import read_inventory
from .rules import decided
from .statements import Statement, statements

# An object that was made has its parts, rights and comments only in the next round, and event triggers come
# when all else is done: else they would fire.
_ROUNDS = 6


@dataclass(frozen=True)
class Carried:
    """What was done, and what could not be: the reason by the name of the finding."""

    did: tuple[str, ...]
    failed: Mapping[str, str]
    left: tuple[Difference, ...] = field(default=())  # what still differs and was to be carried


def carry_objects(
    connection: Connection,
    production: Inventory,
    base: Inventory | None,
    rules: Sequence[ObjectRule],
    *,
    dumped: Dumped,
    keep: bool,
    known: Collection[str] = (),
) -> Carried:
    """Make in the load what production has and the rules carry, and read it again to see that it is there.

    Args:
        connection: to the load, of a superuser, not in autocommit.
        production: what it consists of.
        base: what production's own load made, see ``compare``.
        rules: the dataset's.
        dumped: the definitions that pg_dump wrote of production.
        keep: whether it stays; else only tried, and rolled back.
        known: the findings of what cannot be carried, as a trial told them.

    Raises:
        Refusal: what is to stay cannot be carried as it was tried; nothing was changed then.
    """
    did: list[str] = []
    failed: dict[str, str] = {}
    wanted: set[Key] = set()
    database = connection.info.dbname
    try:
        with connection.cursor() as cursor:
            # Bodies of functions name tables by their own search path, not by that of this session.
            cursor.execute("SET LOCAL check_function_bodies = off")
            left = _to_carry(connection, production, base, rules, wanted)
            for _ in range(_ROUNDS):
                todo = _next([one for one in left if one.name not in failed], dumped)
                if not todo:
                    break
                did += _made(cursor, todo, database, dumped, failed)
                wanted |= {one.item.key for one in todo if one.name not in failed and one.is_whole}
                left = _to_carry(connection, production, base, rules, wanted)
        for one in left:
            failed.setdefault(one.name, "it is not the same in the load afterwards")
        if keep and not failed.keys() <= set(known):
            what = "; ".join(f"{name}: {reason}" for name, reason in failed.items() if name not in known)
            raise Refusal(f"the load is not what it was when the carrying was tried ({what}): verify again")
        if keep:
            connection.commit()
        return Carried(tuple(did), failed, tuple(left))
    finally:
        connection.rollback()


def _to_carry(
    connection: Connection,
    production: Inventory,
    base: Inventory | None,
    rules: Sequence[ObjectRule],
    wanted: set[Key],
) -> list[Difference]:
    """Return what is to be carried now: by the rules, and what belongs to an object that was made."""
    found = []
    for one in compare(production, read_inventory(connection), base):
        decision = decided(one, rules)
        belongs = one.item.key in wanted or wanted.intersection(one.item.inside)
        if decision == CARRY or (belongs and decision != IGNORE):
            found.append(one)
    return found


def _next(todo: list[Difference], dumped: Dumped) -> list[Difference]:
    """Return what is made in one round, in pg_dump's order where it is known."""
    first = [one for one in todo if one.item.kind != "event-trigger"] or todo
    return sorted(first, key=lambda one: dumped.order.get(one.item.key, -1))


def _made(
    cursor: Cursor, todo: list[Difference], database: str, dumped: Dumped, failed: dict[str, str]
) -> list[str]:
    """Make what can be made, in whatever order it can be: a view may need another one first."""
    did: list[str] = []
    reasons: dict[str, str] = {}
    while todo:
        again = []
        for one in todo:
            try:
                made = statements(one, database, dumped)
            except NotCarried as error:
                failed[one.name] = str(error)
                continue
            reason = _refused(cursor, made)
            if reason:
                reasons[one.name] = reason
                again.append(one)
            else:
                did += [statement.shown for statement in made]
        if len(again) == len(todo):
            failed.update((one.name, reasons[one.name]) for one in again)
            break
        todo = again
    return did


def _refused(cursor: Cursor, made: Sequence[Statement]) -> str:
    """Run the statements of one object; return why PostgreSQL refused one, empty when it did not."""
    cursor.execute("SAVEPOINT reingest_carry")
    for statement in made:
        try:
            cursor.execute(statement.text)
        except psycopg2.Error as error:  # noqa: PERF203 - one of them refused ends it
            cursor.execute("ROLLBACK TO SAVEPOINT reingest_carry")
            reason = error.diag.message_primary or "PostgreSQL refused it"
            return f"{reason} ({' '.join(statement.shown.split())})"
    cursor.execute("RELEASE SAVEPOINT reingest_carry")
    return ""
