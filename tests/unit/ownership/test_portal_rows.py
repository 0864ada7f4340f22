"""What of a table's new form cannot take production's rows, as the two catalogues tell."""

from __future__ import annotations

from plugins.module_utils.reingest.ownership.catalog import Column, Key, Table
from plugins.module_utils.reingest.ownership.portal_rows import judge_table


def table(*columns, **facts):
    return Table("public", "t", columns={column.name: column for column in columns}, **facts)


def judged(before, after):
    faults, questions = judge_table(before, after, {}, {})
    return [fault.message.partition(": ")[2] for fault in faults], [one.demand for one in questions]


ID = Column("id", "integer", not_null=True)


def test_the_same_table_takes_its_rows_and_nothing_is_asked():
    same = table(ID, checks={"positive": "(id > 0)"}, keys={"t_pkey": Key(True, ("id",))})
    assert judged(same, same) == ([], [])


def test_the_name_of_a_constraint_is_nothing_that_a_row_can_break():
    before = table(ID, checks={"a": "(id > 0)"}, keys={"a_key": Key(False, ("id",))})
    after = table(ID, checks={"b": "(id > 0)"}, keys={"b_key": Key(True, ("id",))})
    assert judged(before, after) == ([], [])


def test_a_check_that_productions_rows_were_never_proven_by_is_asked():
    before = table(ID, checks={"a": "(id > 0)"}, unproven=("a",))
    assert judged(before, table(ID, checks={"a": "(id > 0)"})) == ([], ["CHECK (id > 0) (a)"])


def test_all_that_is_newly_demanded_is_asked():
    before, name = table(ID, Column("name", "text")), Column("name", "text", not_null=True)
    after = table(ID, name, checks={"c": "(id > 0)"}, keys={"k": Key(False, ("lower(name)",), "(id > 1)")})
    assert judged(before, after)[1] == [
        "a value of column name (NOT NULL)",
        "CHECK (id > 0) (c)",
        "unique (lower(name)) (k)",
    ]


def test_a_new_column_needs_a_value_for_the_rows_that_there_are():
    for filled in (
        {"default": "1"},
        {"identity": True},
        {"generated": True, "default": "1"},
        {"not_null": False},
    ):
        new = Column("new", "integer", **{"not_null": True, **filled})
        assert judged(table(ID), table(ID, new)) == ([], [])
    [message] = judged(table(ID), table(ID, Column("new", "integer", not_null=True)))[0]
    assert message.startswith("it is new (integer NOT NULL, not there in production) and has no default")


def test_of_a_table_that_does_not_fit_nothing_is_asked():
    before, after = table(ID, Column("gone", "date")), table(ID, checks={"c": "(id > 0)"})
    faults, asked = judged(before, after)
    assert faults == ["it is in production (date), and not in the schema: its values would be lost"]
    assert asked == []


def test_rows_in_a_table_that_becomes_partitioned_are_asked_for_their_partition():
    after = table(ID, partitioned=True, partitions=("(id > 0)", "(id <= 0)"))
    assert judged(table(ID), after) == ([], ["a partition for each row"])
    assert judged(after, after) == ([], [])
    assert judged(after, table(ID)) == ([], [])
