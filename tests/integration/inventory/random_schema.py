"""Schemas by chance: things in a database, each with changes of it, and the name that these are found by."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hypothesis import strategies as st

PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
TYPES = ("integer", "bigint", "text", "date", "numeric(10,2)", "jsonb", "text[]", "uuid")
NAMES = st.text("ab_Z \"'.%ü$é", min_size=1, max_size=8).filter(lambda name: name.strip())


def quoted(name):
    """Return a name as PostgreSQL writes it."""
    return name if PLAIN.fullmatch(name) else '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True)
class Thing:
    """What is made, and changes of it: the statement, and the name of the finding."""

    make: str
    changes: tuple[tuple[str, str], ...]


@st.composite
def schemas(draw):
    """Return things in the order in which they can be made."""
    things = [Thing("CREATE SCHEMA s", (("COMMENT ON SCHEMA s IS 'x'", "comment:schema:s"),))]
    tables = []
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    for number, name in enumerate(names):
        table = "s." + quoted(f"{name}t{number}")
        columns = draw(st.lists(st.sampled_from(TYPES), max_size=4))
        tables.append(table)
        things += _table(draw, table, columns)
    for number in range(draw(st.integers(1, 8))):
        make = draw(st.sampled_from(MAKERS))
        name = quoted(f"{draw(NAMES)}x{number}")
        things.append(make(name, draw(st.sampled_from(tables)), number))
    return things


def _table(draw, table, columns):
    parts = ['"key" integer PRIMARY KEY', "size integer DEFAULT 1", "free integer"]
    parts += [f"c{n} {type_}{draw(st.sampled_from(['', ' NOT NULL']))}" for n, type_ in enumerate(columns)]
    yield Thing(
        f"CREATE TABLE {table} ({', '.join(parts)})",
        (
            (f"DROP TABLE {table} CASCADE", f"table:{table}"),
            (f"ALTER TABLE {table} SET (fillfactor = 70)", f"table:{table}"),
            (f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY", f"row-security:table:{table}"),
            (f"ALTER TABLE {table} OWNER TO reader", f"owner:table:{table}"),
            (f"GRANT SELECT ON {table} TO reader", f"privileges:table:{table}"),
            (f"ALTER TABLE {table} ADD made_by_hand text", f"column:{table}.made_by_hand"),
            (f"ALTER TABLE {table} ALTER size DROP DEFAULT", f"column:{table}.size"),
            (f"ALTER TABLE {table} ALTER size SET NOT NULL", f"column:{table}.size"),
            (f"ALTER TABLE {table} ALTER free TYPE bigint", f"column:{table}.free"),
            (f"ALTER TABLE {table} ALTER size SET STATISTICS 9", f"column:{table}.size"),
            (f"ALTER TABLE {table} DROP size CASCADE", f"column:{table}.size"),
            (f"GRANT UPDATE (size) ON {table} TO writer", f"privileges:column:{table}.size"),
            (f"COMMENT ON COLUMN {table}.size IS 'x'", f"comment:column:{table}.size"),
        ),
    )


def _index(name, table, number):
    return Thing(
        f"CREATE INDEX {name} ON {table} (size) WHERE size > {number}",
        (
            (f"DROP INDEX s.{name}", f"index:s.{name}"),
            (f"ALTER INDEX s.{name} SET (fillfactor = 55)", f"index:s.{name}"),
            (f"COMMENT ON INDEX s.{name} IS 'x'", f"comment:index:s.{name}"),
        ),
    )


def _check(name, table, number):
    identity = f"constraint:{name} on {table}"
    return Thing(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK (size <> {number + 100})",
        (
            (f"ALTER TABLE {table} DROP CONSTRAINT {name}", identity),
            (
                f"ALTER TABLE {table} DROP CONSTRAINT {name}, ADD CONSTRAINT {name} CHECK (size <> -5)",
                identity,
            ),
        ),
    )


def _view(name, table, number):
    return Thing(
        f'CREATE VIEW s.{name} AS SELECT "key" + {number} AS n, 1 AS one FROM {table}',
        (
            (f"DROP VIEW s.{name}", f"view:s.{name}"),
            (
                f'CREATE OR REPLACE VIEW s.{name} AS SELECT "key" - 77 AS n, 1 AS one FROM {table}',
                f"view:s.{name}",
            ),
            (f"ALTER VIEW s.{name} SET (security_barrier)", f"view:s.{name}"),
            (f"REVOKE DELETE ON s.{name} FROM postgres", f"privileges:view:s.{name}"),
        ),
    )


def _function(name, table, number):
    identity = f"s.{name}(integer)"
    body = f"CREATE OR REPLACE FUNCTION s.{name}(a int) RETURNS int LANGUAGE sql AS"
    return Thing(
        f"{body} 'SELECT {number}'",
        (
            (f"DROP FUNCTION s.{name}(int)", f"function:{identity}"),
            (f"{body} 'SELECT -1'", f"function:{identity}"),
            (f"ALTER FUNCTION s.{name}(int) SECURITY DEFINER", f"function:{identity}"),
            (f"REVOKE EXECUTE ON FUNCTION s.{name}(int) FROM PUBLIC", f"privileges:function:{identity}"),
        ),
    )


def _trigger(name, table, number):
    identity = f"trigger:{name} on {table}"
    make = "FOR EACH ROW EXECUTE FUNCTION pg_catalog.suppress_redundant_updates_trigger()"
    return Thing(
        f"CREATE TRIGGER {name} BEFORE UPDATE ON {table} {make}",
        (
            (f"DROP TRIGGER {name} ON {table}", identity),
            (f"ALTER TABLE {table} DISABLE TRIGGER {name}", identity),
            (f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}", identity),
        ),
    )


def _policy(name, table, number):
    identity = f"policy:{name} on {table}"
    return Thing(
        f"CREATE POLICY {name} ON {table} TO reader USING (size > {number})",
        (
            (f"DROP POLICY {name} ON {table}", identity),
            (f"ALTER POLICY {name} ON {table} USING (true)", identity),
            (f"ALTER POLICY {name} ON {table} TO PUBLIC", identity),
        ),
    )


def _enum(name, table, number):
    return Thing(
        f"CREATE TYPE s.{name} AS ENUM ('a', 'b{number}')",
        (
            (f"DROP TYPE s.{name}", f"type:s.{name}"),
            (f"ALTER TYPE s.{name} RENAME VALUE 'a' TO 'c'", f"type:s.{name}"),
            (f"ALTER TYPE s.{name} ADD VALUE 'c' BEFORE 'a'", f"type:s.{name}"),
            (f"REVOKE USAGE ON TYPE s.{name} FROM PUBLIC", f"privileges:type:s.{name}"),
        ),
    )


def _domain(name, table, number):
    return Thing(
        f"CREATE DOMAIN s.{name} AS int DEFAULT {number}",
        (
            (f"DROP DOMAIN s.{name}", f"domain:s.{name}"),
            (f"ALTER DOMAIN s.{name} SET NOT NULL", f"domain:s.{name}"),
            (f"ALTER DOMAIN s.{name} SET DEFAULT -1", f"domain:s.{name}"),
        ),
    )


def _sequence(name, table, number):
    return Thing(
        f"CREATE SEQUENCE s.{name} INCREMENT {number + 1}",
        (
            (f"DROP SEQUENCE s.{name}", f"sequence:s.{name}"),
            (f"ALTER SEQUENCE s.{name} INCREMENT 99", f"sequence:s.{name}"),
            (f"ALTER SEQUENCE s.{name} OWNED BY {table}.size", f"sequence:s.{name}"),
            (f"GRANT USAGE ON SEQUENCE s.{name} TO reader", f"privileges:sequence:s.{name}"),
        ),
    )


def _statistics(name, table, number):
    return Thing(
        f'CREATE STATISTICS s.{name} (ndistinct) ON "key", size FROM {table}',
        (
            (f"DROP STATISTICS s.{name}", f"statistics-object:s.{name}"),
            (f"ALTER STATISTICS s.{name} SET STATISTICS 3", f"statistics-object:s.{name}"),
        ),
    )


def _rule(name, table, number):
    identity = f"rule:{name} on {table}"
    return Thing(
        f"CREATE RULE {name} AS ON DELETE TO {table} WHERE old.size = {number} DO INSTEAD NOTHING",
        (
            (f"DROP RULE {name} ON {table}", identity),
            (f"ALTER TABLE {table} DISABLE RULE {name}", identity),
        ),
    )


MAKERS = (
    _index, _check, _view, _function, _trigger, _policy, _enum, _domain, _sequence, _statistics, _rule,
)  # fmt: skip
