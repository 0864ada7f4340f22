"""Names and texts of production that would be statements or templates, carried and told."""

from __future__ import annotations

import os
import re

import pytest
import yaml

from plugins.module_utils.reingest.dataset.model import ObjectRule
from plugins.module_utils.reingest.disclosure.printable import printable
from plugins.module_utils.reingest.inventory.carry import carry_objects
from plugins.module_utils.reingest.inventory.compare import compare
from plugins.module_utils.reingest.inventory.dumped import read_dumped
from plugins.module_utils.reingest.inventory.read import read_inventory
from plugins.module_utils.reingest.inventory.show import remedy, said

pytestmark = pytest.mark.attack

NASTY = (
    "x\"; ALTER ROLE reader SUPERUSER; --\n\\! id\n'; ALTER ROLE reader SUPERUSER; --",
    "$$; ALTER ROLE reader SUPERUSER; $$ {{ lookup('pipe', 'id') }}",
    "-- Name: x\n--\nALTER ROLE reader SUPERUSER;",
    "\n--\n-- PostgreSQL database dump complete\n--\nALTER ROLE reader SUPERUSER;",
    "\n1; 1259 16384 TABLE x y\n\x1b[2J %s {} on x in publication y",
)
SUPERUSER = "SELECT rolsuper FROM pg_roles WHERE rolname = 'reader'"


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def literal(text):
    return "'" + text.replace("'", "''") + "'"


def hostile(name):
    """Yield what makes an object of each kind that a name has a place in."""
    called, text = quoted(name[:60]), literal(name)
    table = f"{called}.{called}"
    yield f"CREATE SCHEMA {called}"
    yield f"CREATE TABLE {table} ({called} int DEFAULT 1)"
    yield f"CREATE VIEW {called}.{quoted('v' + name[:50])} AS SELECT {text}::text AS {called}"
    body = literal(f"SELECT {text}")
    yield f"CREATE FUNCTION {called}.{called}({called} int DEFAULT 1) RETURNS text LANGUAGE sql AS {body}"
    yield f"CREATE SEQUENCE {called}.{quoted('s' + name[:50])}"
    yield f"CREATE TYPE {called}.{quoted('e' + name[:50])} AS ENUM ({literal(name[:30])})"
    yield f"CREATE DOMAIN {called}.{quoted('d' + name[:50])} AS text DEFAULT {text}"
    yield f"CREATE INDEX {quoted('i' + name[:50])} ON {table} ({called})"
    yield f"CREATE POLICY {called} ON {table} TO reader USING ({text} <> {text})"
    yield f"CREATE STATISTICS {called}.{quoted('t' + name[:50])} ON ({called} + 1) FROM {table}"
    yield f"CREATE PUBLICATION {called} FOR TABLE {table}"
    yield f"COMMENT ON TABLE {table} IS {text}"
    yield f"GRANT SELECT ({called}) ON {table} TO reader"
    yield f"ALTER DATABASE portal SET app.{quoted('n' + str(len(name)))} TO {text}"


# A schema and what stands in its tables is the release's: what lacks its table is not made.
LEFT = {
    "table", "column", "policy", "index", "statistics-object", "publication-relation", "privileges",
    "comment", "owner", "database",
}  # fmt: skip


def test_no_name_is_a_statement_or_leaves_its_line(monkeypatch, server, database):
    monkeypatch.setenv("PATH", f"{server.binaries}:{os.environ['PATH']}")
    live = database("portal", *(statement for name in NASTY for statement in hostile(name)))
    made = database("load")
    production = read_inventory(live)
    dumped = read_dumped(server.dsn("portal"), "portal", production.major, production.items.values())
    assert dumped.missing == ""
    differences = compare(production, read_inventory(made), None)
    rules = [ObjectRule("*", "*", "carry")]
    carried = carry_objects(made, production, None, rules, dumped=dumped, keep=False)
    assert server.rows(SUPERUSER) == [(False,)]
    assert {one.split(":")[1] for one in carried.failed} <= LEFT, carried.failed
    for one in differences:
        told = said(one).partition(": ")[0]
        assert told == printable(told)
        for snippet in re.findall(r"\(objects: (\[.*?\])\)$", remedy(one, carried=True), re.DOTALL):
            assert yaml.safe_load(snippet)[0]["name"] == one.item.identity
