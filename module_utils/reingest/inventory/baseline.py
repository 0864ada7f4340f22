"""The inventory that a load keeps of itself, in schema `reingest`: what it made, before it was changed."""

from __future__ import annotations

import json

import psycopg2
from psycopg2.extras import execute_values

from ..postgres.dsn import Connection
from .model import Inventory, Item

_FORM = 1  # of what is written down; another one cannot be compared
_OTHER = "reingest.inventory is not what a load wrote"
_CREATE = """
CREATE TABLE IF NOT EXISTS reingest.inventory_form (form int NOT NULL, major int NOT NULL);
CREATE TABLE IF NOT EXISTS reingest.inventory (
    kind text NOT NULL,
    identity text NOT NULL,
    facts jsonb NOT NULL,
    PRIMARY KEY (kind, identity)
);
TRUNCATE reingest.inventory, reingest.inventory_form;
GRANT SELECT ON reingest.inventory, reingest.inventory_form TO PUBLIC;
"""


def write_baseline(connection: Connection, inventory: Inventory) -> None:
    """Write down what the load consists of, in the caller's transaction, for everybody to read."""
    with connection.cursor() as cursor:
        cursor.execute(_CREATE)
        cursor.execute("INSERT INTO reingest.inventory_form VALUES (%s, %s)", (_FORM, inventory.major))
        rows = ((item.kind, item.identity, json.dumps(item.facts)) for item in inventory.items.values())
        execute_values(cursor, "INSERT INTO reingest.inventory VALUES %s", rows, page_size=1000)


def read_baseline(connection: Connection, major: int) -> Inventory | str:
    """Return what the load of this database made; else the reason why that is not known.

    Args:
        connection: in a transaction.
        major: the server's version: another one writes definitions in another way.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_catalog.to_regclass('reingest.inventory_form') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return "it was not loaded by this version of reingest"
        cursor.execute("SAVEPOINT reingest_baseline")
        try:
            cursor.execute("SELECT form, major FROM reingest.inventory_form")
            if cursor.fetchall() != [(_FORM, major)]:
                return "it was written down by another version"
            cursor.execute("SELECT kind, identity, facts FROM reingest.inventory")
            rows = cursor.fetchall()
        except psycopg2.errors.InsufficientPrivilege:
            cursor.execute("ROLLBACK TO SAVEPOINT reingest_baseline")
            return "the login may not read reingest.inventory"
        except psycopg2.ProgrammingError:
            cursor.execute("ROLLBACK TO SAVEPOINT reingest_baseline")
            return _OTHER
    if not all(isinstance(facts, dict) for _, _, facts in rows):
        return _OTHER
    items = [Item(kind, identity, facts) for kind, identity, facts in rows]
    return Inventory({item.key: item for item in items}, major)
