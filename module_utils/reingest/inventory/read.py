"""The inventory of a database: everything that its catalogues list, read by what PostgreSQL says of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg2

from ..dataset.table_name import table_name
from ..errors import Refusal
from ..postgres.dsn import Connection, Cursor
from ..postgres.locks import LOCK_WAIT_S, locked_tables
from .catalogues import (
    FIRST_OID,
    PUBLIC_SCHEMA,
    SKIPPED,
    Catalogue,
    read_catalogues,
    rights,
    rights_on,
)
from .database import database_items
from .definitions import COLUMNS, DEFINITIONS, Definition
from .model import (
    COLUMN,
    DEFAULT_PRIVILEGES,
    OWNER,
    PRIVILEGES,
    TABLE,
    Inventory,
    Item,
    Key,
    rights_of,
    sorted_rights,
)

# A value has one text, and a name its schema, whatever the database or the role is set to.
_SETTINGS = f"""
SET LOCAL search_path = pg_catalog; SET LOCAL quote_all_identifiers = off; SET LOCAL DateStyle = 'ISO, YMD';
SET LOCAL IntervalStyle = postgres; SET LOCAL TimeZone = 'UTC'; SET LOCAL extra_float_digits = 1;
SET LOCAL bytea_output = hex; SET LOCAL lc_monetary = 'C'; SET LOCAL lc_numeric = 'C';
SET LOCAL lock_timeout = '{LOCK_WAIT_S}s'; SET LOCAL statement_timeout = 0
"""
_AFTER = "SET LOCAL lock_timeout = 0"
# What an object comes and goes with.
_INSIDE = f"""
SELECT DISTINCT classid, objid, refclassid, refobjid FROM pg_depend
WHERE deptype IN ('a', 'e', 'i', 'P', 'S') AND objid >= {FIRST_OID}
  AND (classid, objid) <> (refclassid, refobjid)
"""  # noqa: S608 - constants of this file
_BESIDE = f"""
SELECT classoid, objoid, objsubid, 'comment', to_jsonb(description) FROM pg_description
WHERE objoid >= {FIRST_OID} OR objoid = {PUBLIC_SCHEMA} OR classoid = 'pg_extension'::regclass
UNION ALL
SELECT classoid, objoid, 0, 'comment', to_jsonb(description) FROM pg_shdescription
UNION ALL
SELECT classoid, objoid, objsubid, 'security label', jsonb_object_agg(provider, label) FROM pg_seclabel
GROUP BY 1, 2, 3
UNION ALL
SELECT classoid, objoid, 0, 'security label', jsonb_object_agg(provider, label) FROM pg_shseclabel
GROUP BY 1, 2
"""  # noqa: S608 - constants of this file
# Of what has an OID of PostgreSQL's own: what users make and drop all the same.
_ALSO = {
    "pg_extension": "true",
    "pg_largeobject_metadata": "true",
    "pg_namespace": f"x.oid = {PUBLIC_SCHEMA}",
}
# Whose objects are none of the database: reingest's own, those of sessions, and TOAST tables.
_NOT_OURS = ("reingest", "pg_toast")
_NAMES = {"table column": COLUMN, "default acl": DEFAULT_PRIVILEGES, "parameter ACL": "parameter-acl"}

_Place = tuple[int, int, int]  # catalogue, OID, and a column's number or 0


@dataclass
class _Found:
    kind: str
    identity: str
    schema: str
    facts: dict[str, Any] = field(default_factory=dict)
    initial: Any = None
    table: str = ""


def read_inventory(connection: Connection) -> Inventory:
    """Return what the database of a connection consists of.

    Args:
        connection: in a transaction or before one, not in autocommit; the search path and other settings are
            PostgreSQL's own until its end.

    Raises:
        Refusal: somebody keeps a table locked.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute(_SETTINGS)
            inventory = _read(cursor, connection.server_version // 10_000)
            cursor.execute(_AFTER)
            return inventory
    except psycopg2.errors.LockNotAvailable:
        connection.rollback()
        raise Refusal(
            f"database {connection.info.dbname} cannot be compared: after {LOCK_WAIT_S} s somebody still "
            f"locks {locked_tables(connection)}; wait until that is over, or end it, and run again"
        ) from None


def _read(cursor: Cursor, major: int) -> Inventory:
    catalogues = read_catalogues(cursor)
    found: dict[_Place, _Found] = {}
    unread = []
    for catalogue in catalogues.values():
        if catalogue.name in SKIPPED:
            continue
        try:
            cursor.execute("SAVEPOINT reingest_inventory")
            if catalogue.has_oid:
                found.update(_objects(cursor, catalogue))
            cursor.execute("RELEASE SAVEPOINT reingest_inventory")
        except psycopg2.errors.InsufficientPrivilege:
            cursor.execute("ROLLBACK TO SAVEPOINT reingest_inventory")
            if not _is_empty(cursor, catalogue.name):
                unread.append(catalogue.name)
    for catalogue in catalogues.values():
        if catalogue.name not in SKIPPED and not catalogue.has_oid:
            _add_parts(cursor, catalogue, found)
    class_oid = catalogues["pg_class"].oid
    found.update(_columns(cursor, class_oid))
    cursor.execute(_BESIDE)
    for *place, name, value in cursor.fetchall():
        own = found.get(tuple(place))
        if own is not None:
            own.facts[name] = value
    above = _above(cursor, found, class_oid)
    items = {item.key: item for item in _items(found, above)}
    items.update((item.key, item) for item in database_items(cursor))
    return Inventory(items, major, tuple(unread))


def _is_empty(cursor: Cursor, name: str) -> bool:
    """Return whether a catalogue that the login may not read has no rows, as a view of it tells."""
    if name != "pg_user_mapping":
        return False
    cursor.execute("SELECT NOT EXISTS (SELECT FROM pg_user_mappings)")
    return bool(cursor.fetchone()[0])


def _objects(cursor: Cursor, catalogue: Catalogue) -> dict[_Place, _Found]:
    """Return the objects of a catalogue, and those built in whose privileges somebody changed."""
    try:
        cursor.execute(_query(catalogue))
    except psycopg2.errors.InternalError_:  # pg_identify_object does not know the catalogue
        cursor.execute("ROLLBACK TO SAVEPOINT reingest_inventory")
        cursor.execute(_query(catalogue, unknown=True))
    found = {}
    for oid, kind, identity, schema, owner, given, facts, initial, table in cursor.fetchall():
        own = _Found(_NAMES.get(kind, kind).replace(" ", "-"), identity, schema or "", facts, initial, table)
        if owner is not None:
            own.facts[OWNER] = owner
        if given is not None:
            own.facts[PRIVILEGES] = sorted_rights(given)
        found[catalogue.oid, oid, 0] = own
    if catalogue.acl and rights_on(catalogue) and _ALSO.get(catalogue.name) != "true":
        cursor.execute(_built_in(catalogue))
        for oid, kind, identity, schema, owner, given, initial in cursor.fetchall():
            if rights_of(given) != rights_of(initial):
                facts = {OWNER: owner, PRIVILEGES: sorted_rights(given)}
                own = _Found(kind.replace(" ", "-"), identity, schema or "", facts, initial)
                found[catalogue.oid, oid, 0] = own
    return found


def _query(catalogue: Catalogue, *, unknown: bool = False) -> str:
    """Return the query for the objects that users made; of what nobody knows, the row is the name, too."""
    known = DEFINITIONS.get(catalogue.name) or Definition(catalogue.facts())
    owner = catalogue.owner
    given = initial = "NULL::jsonb"
    if catalogue.name == "pg_default_acl":
        owner, on = "x.defaclrole", "x.defaclobjtype"
        given = rights("x.defaclacl", on, owner)
        initial = f"CASE x.defaclnamespace WHEN 0 THEN {rights('NULL', on, owner)} ELSE '[]' END"
    elif catalogue.acl and (on := rights_on(catalogue)):
        given = rights(f"x.{catalogue.acl}", on, owner)
        if catalogue.name == "pg_class":
            given = f"CASE WHEN x.relkind NOT IN ('i', 'I', 'c') THEN {given} END"
        if catalogue.name == "pg_parameter_acl":
            initial = rights("NULL", on, owner)
    elif catalogue.acl:
        one = "jsonb_build_array(a::text, '', '', false)"
        given = f"(SELECT jsonb_agg({one}) FROM unnest(x.{catalogue.acl}) a)"  # noqa: S608 - as below
    named = (
        f"CASE WHEN {known.owner} THEN pg_get_userbyid({catalogue.owner})::text END"
        if catalogue.owned
        else "NULL"
    )
    table, join = "''", f"CROSS JOIN LATERAL pg_identify_object({catalogue.oid}, x.oid, 0) i"
    kind, identity, schema = known.kind, "i.identity", "i.schema"
    if unknown:
        name = next((one for one, type_ in catalogue.columns.items() if type_ == "name"), "")
        kind, schema, join = f"'{catalogue.name[3:].replace('_', ' ')}'", "''", ""
        identity = f"x.{name}::text" if name else f"({known.facts})::text"
    if catalogue.name == "pg_class":
        table = "CASE WHEN x.relkind IN ('r', 'p') THEN x.relname ELSE '' END"
    also = _ALSO.get(catalogue.name, "false")
    return f"""
SELECT x.oid, {kind}, {identity}, {schema}, {named}, {given}, {known.facts}, {initial}, {table}
FROM pg_catalog.{catalogue.name} x {join}
WHERE (x.oid >= {FIRST_OID} OR {also}) AND ({known.where}) AND {identity} IS NOT NULL
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = {catalogue.oid} AND d.objid = x.oid AND d.deptype = 'e')
"""  # noqa: S608 - names of catalogues, by PostgreSQL itself


def _built_in(catalogue: Catalogue) -> str:
    """Return the query for the privileges on what is built in, or comes with an extension."""
    acl, on, owner = f"x.{catalogue.acl}", rights_on(catalogue), catalogue.owner
    return f"""
SELECT x.oid, i.type, i.identity, i.schema, pg_get_userbyid({owner})::text, {rights(acl, on, owner)},
    {rights("p.initprivs", on, owner)}
FROM pg_catalog.{catalogue.name} x
LEFT JOIN pg_init_privs p ON p.classoid = {catalogue.oid} AND p.objoid = x.oid AND p.objsubid = 0
CROSS JOIN LATERAL pg_identify_object({catalogue.oid}, x.oid, 0) i
WHERE {acl} IS NOT NULL AND {acl} IS DISTINCT FROM p.initprivs AND x.oid <> {PUBLIC_SCHEMA}
  AND (x.oid < {FIRST_OID} OR EXISTS (SELECT FROM pg_depend d
       WHERE d.classid = {catalogue.oid} AND d.objid = x.oid AND d.deptype = 'e'))
"""  # noqa: S608 - as above


def _add_parts(cursor: Cursor, catalogue: Catalogue, found: Mapping[_Place, _Found]) -> None:
    """Add the rows of a catalogue without OIDs to the objects that its key names."""
    reference = catalogue.references.get(catalogue.key)
    if reference is None:
        return
    cursor.execute(
        f"SELECT x.{catalogue.key}::oid, jsonb_agg(f.v ORDER BY f.v::text)"  # noqa: S608 - as above
        f" FROM pg_catalog.{catalogue.name} x, LATERAL (SELECT {catalogue.facts()} AS v) f"
        f" WHERE x.{catalogue.key}::oid >= {FIRST_OID} GROUP BY 1"
    )
    for oid, rows in cursor.fetchall():
        own = found.get((reference.catalogue, oid, 0))
        if own is not None:
            own.facts[catalogue.name[3:].replace("_", " ")] = rows


def _columns(cursor: Cursor, class_oid: int) -> Iterator[tuple[_Place, _Found]]:
    on = """'c'::"char\""""
    cursor.execute(
        COLUMNS.format(
            first=FIRST_OID,
            rights=rights("a.attacl", on, "c.relowner"),
            initial=rights("p.initprivs", on, "c.relowner"),
        )
    )
    for oid, number, schema, relation, identity, given, initial, facts in cursor.fetchall():
        own = _Found(COLUMN, identity, schema, facts, initial, table_name(schema, relation))
        if given is not None:
            own.facts[PRIVILEGES] = sorted_rights(given)
        if initial is None or (given is not None and rights_of(given) != rights_of(initial)):
            yield (class_oid, oid, number), own


def _above(cursor: Cursor, found: Mapping[_Place, _Found], class_oid: int) -> dict[_Place, set[_Place]]:
    """Return what each object goes with: the table of a column, of an index, the extension of a function."""
    above: dict[_Place, set[_Place]] = {}
    cursor.execute(_INSIDE)
    for class_, oid, other_class, other in cursor.fetchall():
        above.setdefault((class_, oid, 0), set()).add((other_class, other, 0))
    for place in found:
        if place[0] == class_oid and place[2]:
            above.setdefault(place, set()).add((class_oid, place[1], 0))
    return above


def _items(found: Mapping[_Place, _Found], above: Mapping[_Place, set[_Place]]) -> Iterator[Item]:
    """Yield the objects that count, each with all that it goes with, however far above."""
    for place, own in found.items():
        seen: set[_Place] = set()
        todo = list(above.get(place, ()))
        while todo:
            one = todo.pop()
            if one not in seen:
                seen.add(one)
                todo.extend(above.get(one, ()))
        over = [found[one] for one in seen if one in found]
        if any(_is_foreign(one) for one in (own, *over)):
            continue
        inside: frozenset[Key] = frozenset((one.kind, one.identity) for one in over if one is not own)
        initial = None if own.initial is None else tuple(rights_of(own.initial))
        table = own.table
        if table and own.kind == TABLE:
            table = table_name(own.schema, table)
        yield Item(own.kind, own.identity, own.facts, inside, initial, table, place[:2])


def _is_foreign(own: _Found) -> bool:
    schema = own.identity if own.kind == "schema" else own.schema
    return schema in _NOT_OURS or schema.startswith(("pg_temp", "pg_toast"))
