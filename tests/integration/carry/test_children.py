"""Children that only one of the two schemas has: their rows go through the parent, forwards and back."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from plugins.module_utils.reingest.carry.catalogue import read_contract, read_portal_tables
from plugins.module_utils.reingest.carry.plan import plan_carry
from plugins.module_utils.reingest.dataset.model import Dataset, Table
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.ownership.catalog import read_catalog
from plugins.module_utils.reingest.ownership.contract import portal_faults
from plugins.module_utils.reingest.postgres.session import pinned, pinned_reading

PARENT = "CREATE TABLE t (id int PRIMARY KEY, note text);"
CHILD = "CREATE TABLE child (CHECK (id > 9)) INHERITS (t);"
GRANDCHILD = "CREATE TABLE grandchild () INHERITS (child);"
BOTH = f"{PARENT} {CHILD}"
PARTITIONED = "CREATE TABLE t (id int PRIMARY KEY, note text) PARTITION BY RANGE (id);"
REST = "CREATE TABLE rest PARTITION OF t DEFAULT;"

# Case: production's schema, the new one, the portal-owned tables, and whether the rows can be carried.
CASES = {
    "both have the child": (BOTH, BOTH, "t", True),
    "the child is not made": (BOTH, PARENT, "t", True),
    "a grandchild goes to the child": (BOTH + GRANDCHILD, BOTH, "t", True),
    "both are not made": (BOTH + GRANDCHILD, PARENT, "t", True),
    "the child between is not made": (
        BOTH + GRANDCHILD, PARENT + GRANDCHILD.replace("child)", "t)"), "t", True,
    ),
    "the parent is partitioned now": (BOTH, PARTITIONED + REST, "t", True),
    "partitions are children now": (
        PARTITIONED + "CREATE TABLE child PARTITION OF t FOR VALUES FROM (10) TO (99);" + REST, BOTH,
        "t", True,
    ),
    "a column of the child's own": (PARENT + CHILD.replace("CHECK (id > 9)", "more int"), PARENT, "t", False),
    "such a column, which the parent has now": (
        PARENT + CHILD.replace("CHECK (id > 9)", "more int"),
        PARENT + "ALTER TABLE t ADD more int DEFAULT 7;", "t", False,
    ),
    "the parent is not made": (BOTH, "CREATE TABLE child (id int, note text)", "t", False),
    "a child that the dataset names": (BOTH, PARENT, "t child", False),
    "neither is made": (BOTH, "SELECT 1", "t", False),
    "the column of both has gone": (BOTH, "CREATE TABLE t (id int PRIMARY KEY);", "t", False),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_contract_and_the_plan_say_the_same_of_a_child(portal, case):
    live, new, owned, fits = CASES[case]
    portal.make(live, dict.fromkeys(owned.split(), "quarantine"), new=new)
    tables = tuple(Table(name, "portal") for name in owned.split())
    dataset = Dataset(Path("dataset.yml"), "portal", Path(), Path(), "r", tables, (), ())
    with (
        pinned_reading(portal.production.dsn(), "portal") as production,
        pinned_reading(portal.staging.dsn(), "portal") as staging,
    ):
        faults = portal_faults(dataset, read_catalog(staging), read_catalog(production), production)
        contract = read_contract(staging)
        plan = plan_carry(
            read_portal_tables(production, contract), read_portal_tables(staging, contract), "the load"
        )
    assert (not faults, not plan.faults) == (fits, fits), (faults, plan.faults)
    portal.live("INSERT INTO t VALUES (1, 'a')" if "t " in live else "SELECT 1")
    portal.live("INSERT INTO child (id, note) VALUES (10, 'b')")
    if not fits:
        with pytest.raises(Refusal, match="users' rows cannot be carried: table "):
            portal.carry()
        return
    assert portal.carry().lines == ("t: 2 carried, 0 differ",)
    assert portal.new("SELECT id, note FROM t ORDER BY 1") == [(1, "a"), (10, "b")]


def test_rows_of_a_child_that_is_not_there_are_put_once_however_often(portal):
    portal.make(BOTH + GRANDCHILD, {"t": "quarantine"}, new=BOTH)
    portal.live("INSERT INTO t VALUES (1); INSERT INTO child VALUES (10); INSERT INTO grandchild VALUES (11)")
    portal.carry()
    assert portal.carry(run="run-2").lines == ("t: 3 carried, 0 differ",)
    assert portal.new("SELECT tableoid::regclass::text, id FROM t ORDER BY 2") == [
        ("t", 1), ("child", 10), ("child", 11),
    ]  # fmt: skip


def test_rows_of_two_tables_that_share_a_child_are_carried_once(portal):
    shared = "CREATE TABLE a (id int); CREATE TABLE b (id int); CREATE TABLE both_of () INHERITS (a, b);"
    portal.make(shared, {"a": "quarantine", "b": "quarantine"})
    portal.live("INSERT INTO a VALUES (1); INSERT INTO b VALUES (2); INSERT INTO both_of VALUES (3)")
    assert portal.carry().lines == ("a: 2 carried, 0 differ", "b: 1 carried, 0 differ")
    assert portal.new("SELECT id FROM both_of") == [(3,)]


def test_orphans_of_a_child_that_is_not_there_are_back_in_its_parent_with_their_parent(portal):
    schema = "CREATE TABLE s (id text PRIMARY KEY); CREATE TABLE t (id int, s text REFERENCES s);"
    child = "CREATE TABLE child () INHERITS (t); ALTER TABLE child ADD FOREIGN KEY (s) REFERENCES s;"
    portal.make(schema + child, {"s": "source", "t": "quarantine"})
    portal.live("INSERT INTO s VALUES ('x'); INSERT INTO child VALUES (1, 'x')")
    assert portal.carry().lines == ("t: 0 carried, 1 quarantined, 0 differ (s names no row of s)",)
    assert portal.new("SELECT relation FROM reingest.quarantine") == [("public.child",)]
    # The next release has the parent row again, and no child.
    portal.lift()
    portal.live("DELETE FROM child")
    quarantine = portal.new("SELECT reason, run FROM reingest.quarantine")[0]
    portal.live("CREATE TABLE reingest.quarantine (relation text, columns text[], row_values text[],"
                " reason text, run text, since timestamptz)")  # fmt: skip
    portal.live("INSERT INTO reingest.quarantine VALUES ('public.child', '{id,s}', '{1,x}',"
                f" '{quarantine[0]}', '{quarantine[1]}', now())")  # fmt: skip
    portal.new("DROP TABLE child; INSERT INTO s VALUES ('x')")
    assert portal.carry(run="run-2").lines == ("t: 1 carried, 0 differ",)
    assert portal.new("SELECT * FROM ONLY t") == [(1, "x")]
    assert portal.new("SELECT count(*) FROM reingest.quarantine") == [(0,)]


def test_on_the_way_back_a_child_that_only_the_earlier_schema_has_gives_its_rows_to_the_parent(portal):
    portal.make(BOTH, {"t": "quarantine"}, new=PARENT)
    portal.live("INSERT INTO t VALUES (1); INSERT INTO child VALUES (10), (11)")
    portal.carry()
    portal.new("DELETE FROM t WHERE id = 11; INSERT INTO t VALUES (12, 'since')")
    opened = portal.back()
    assert (opened.did[0], opened.kept) == ("carry t: 3 carried, 0 differ", ())
    assert portal.live("SELECT id FROM t ORDER BY 1") == [(1,), (10,), (12,)]
    assert portal.live("SELECT count(*) FROM child") == [(0,)]


def test_on_the_way_back_a_child_that_only_the_newer_schema_has_goes_into_the_parent(portal):
    portal.make(PARENT, {"t": "quarantine"}, new=BOTH)
    portal.live("INSERT INTO t VALUES (1)")
    portal.carry()
    portal.new("INSERT INTO child VALUES (10, 'since')")
    opened = portal.back()
    assert (opened.did[0], opened.kept) == ("carry t: 2 carried, 0 differ", ())
    assert portal.live("SELECT id, note FROM t ORDER BY 1") == [(1, None), (10, "since")]


def test_on_the_way_back_a_child_with_a_column_of_its_own_keeps_its_table_on_the_volume(portal):
    portal.make(PARENT, {"t": "quarantine"}, new=PARENT + "CREATE TABLE child (more int) INHERITS (t)")
    portal.live("INSERT INTO t VALUES (1)")
    portal.carry()
    portal.new("INSERT INTO child VALUES (10, 'since', 5)")
    opened = portal.back()
    with closing(pinned(portal.production.dsn(), "portal")):
        pass  # it is open
    assert "column more" in opened.kept[0]
    assert portal.live("SELECT id FROM t") == [(1,)]
