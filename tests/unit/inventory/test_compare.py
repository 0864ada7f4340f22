"""Who made a difference: somebody by hand, the release, or both."""

from __future__ import annotations

import pytest

from plugins.module_utils.reingest.dataset.model import ObjectRule
from plugins.module_utils.reingest.inventory.compare import BOTH, HAND, RELEASE, compare
from plugins.module_utils.reingest.inventory.model import Inventory, Item
from plugins.module_utils.reingest.inventory.rules import decided

VIEW = ("view", "public.v")


def of(*items):
    return Inventory({item.key: item for item in items}, 16)


def view(definition, **facts):
    return Item(*VIEW, {"definition": definition, **facts})


def causes(production, load, base):
    return {one.name: one.cause for one in compare(production, load, base)}


@pytest.mark.parametrize(
    ("production", "load", "base", "cause"),
    [
        ("1", "1", "1", None),
        ("1", "2", "1", RELEASE),
        ("2", "1", "1", HAND),
        ("2", "2", "1", None),
        ("2", "3", "1", BOTH),
        ("1", None, "1", RELEASE),
        ("1", None, None, HAND),
        ("2", None, "1", BOTH),
        (None, "1", None, RELEASE),
        (None, "1", "1", HAND),
        (None, "2", "1", BOTH),
        ("1", "2", None, BOTH),
    ],
)
def test_three_states_of_one_object_tell_who_changed_it(production, load, base, cause):
    states = [of() if text is None else of(view(text)) for text in (production, load, base)]
    expected = {} if cause is None else {"object:view:public.v": cause}
    assert causes(*states) == expected


@pytest.mark.parametrize(
    ("production", "load", "cause"), [("1", "2", HAND), ("1", None, HAND), (None, "1", RELEASE)]
)
def test_without_a_base_line_what_production_has_counts_as_made_by_hand(production, load, cause):
    states = [of() if text is None else of(view(text)) for text in (production, load)]
    assert causes(*states, None) == {"object:view:public.v": cause}


def test_each_aspect_is_judged_by_itself():
    base = of(view("1", owner="a", comment="x"))
    production = of(view("1", owner="b", comment="x"))
    load = of(view("2", owner="a", comment="y"))
    assert causes(production, load, base) == {
        "object:owner:view:public.v": HAND,
        "object:comment:view:public.v": RELEASE,
        "object:view:public.v": RELEASE,
    }


def test_what_goes_with_a_missing_object_is_counted_and_not_named():
    table = Item("table", "public.t")
    inside = frozenset({table.key})
    parts = [Item("index", "public.i", inside=inside), Item("trigger", "g on public.t", inside=inside)]
    (found,) = compare(of(table, *parts), of(), of())
    assert (found.name, found.within) == ("object:table:public.t", 2)


def test_an_object_that_is_built_in_is_as_nobody_changed_it_where_it_is_not_listed():
    right = ("EXECUTE", "", None, False)
    revoked = Item("function", "pg_catalog.f()", {"privileges": []}, initial=(right,))
    name = "object:privileges:function:pg_catalog.f()"
    assert causes(of(revoked), of(), of()) == {name: HAND}
    assert causes(of(), of(revoked), of()) == {name: RELEASE}
    assert causes(of(revoked), of(revoked), of()) == {}


def test_what_opens_the_database_to_people_is_carried_and_the_rest_fails_by_default():
    base, load = of(view("1", owner="a")), of(view("1", owner="a"))
    (owner,) = compare(of(view("1", owner="b")), load, base)
    (changed,) = compare(of(view("2", owner="a")), load, base)
    (both,) = compare(of(view("1", owner="b")), of(view("1", owner="c")), base)
    (meant,) = compare(base, of(view("3", owner="a")), base)
    assert [decided(one, ()) for one in (owner, changed, both, meant)] == ["carry", "fail", "fail", ""]


def test_the_first_rule_that_fits_counts_by_the_name_or_by_kind_and_name():
    (owner,) = compare(of(view("1", owner="b")), of(view("1", owner="a")), None)
    rules = (
        ObjectRule("view", "*", "fail"),
        ObjectRule("owner", "view:public.*", "ignore"),
        ObjectRule("owner", "*", "carry"),
    )
    assert decided(owner, rules) == "ignore"
    assert decided(owner, rules[2:]) == "carry"
    assert decided(owner, (ObjectRule("owner", "public.v", "fail"),)) == "fail"
