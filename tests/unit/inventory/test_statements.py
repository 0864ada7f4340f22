"""Statements that make the load's object production's."""

from __future__ import annotations

import pytest

from plugins.module_utils.reingest.dataset.model import ObjectRule
from plugins.module_utils.reingest.inventory.by_dump import wants_dump
from plugins.module_utils.reingest.inventory.compare import compare
from plugins.module_utils.reingest.inventory.database import setting_item
from plugins.module_utils.reingest.inventory.dumped import ANY, Dumped
from plugins.module_utils.reingest.inventory.model import Inventory, Item
from plugins.module_utils.reingest.inventory.names import NotCarried
from plugins.module_utils.reingest.inventory.show import remedy, said
from plugins.module_utils.reingest.inventory.statements import statements


def difference(production, load):
    sides = [Inventory({} if one is None else {one.key: one}, 16) for one in (production, load)]
    (found,) = compare(*sides, None)
    return found


def shown(production, load, dumped=ANY):
    return [one.shown for one in statements(difference(production, load), "portal", dumped)]


def rights(*given):
    return Item("table", 'public."odd on name"', {"owner": "boss", "privileges": list(map(list, given))})


def test_who_passes_a_right_on_gets_it_before():
    last = ("SELECT", "c", "b", False)
    middle = ("SELECT", "b", "a", True)
    first = ("SELECT", "a", None, True)
    on = 'ON TABLE public."odd on name" TO'
    assert shown(rights(last, middle, first), rights()) == [
        f'GRANT SELECT {on} "a" WITH GRANT OPTION',
        f'SET LOCAL ROLE "a"; GRANT SELECT {on} "b" WITH GRANT OPTION; RESET ROLE',
        f'SET LOCAL ROLE "b"; GRANT SELECT {on} "c"; RESET ROLE',
    ]


def test_what_goes_with_a_right_that_is_taken_is_given_again():
    kept = ("SELECT", "c", "b", False)
    (revoked, again) = shown(rights(kept), rights(kept, ("INSERT", "d", None, False)))
    assert revoked == 'REVOKE INSERT ON TABLE public."odd on name" FROM "d" CASCADE'
    assert again.startswith('SET LOCAL ROLE "b"; GRANT SELECT')


def test_the_owner_and_everybody_are_named_as_they_are():
    assert shown(rights(("SELECT", "", None, False), ("INSERT", None, None, False)), rights()) == [
        'GRANT INSERT ON TABLE public."odd on name" TO "boss"',
        'GRANT SELECT ON TABLE public."odd on name" TO PUBLIC',
    ]


def test_a_column_is_taken_out_of_its_table_whatever_the_names_are():
    column = Item("column", 'public."a.b"."c.d"', {"privileges": [["SELECT", "x", None, False]]})
    assert shown(column, Item("column", column.identity)) == [
        'GRANT SELECT ("c.d") ON TABLE public."a.b" TO "x"'
    ]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("work_mem", "8MB", 'ALTER DATABASE "portal" SET "work_mem" TO \'8MB\''),
        ("search_path", 'a, "B c"', "ALTER DATABASE \"portal\" SET \"search_path\" TO 'a', 'B c'"),
        ("app.jwt_secret", "x", 'ALTER DATABASE "portal" SET "app.jwt_secret" TO ***'),
        ("connection limit", "7", 'ALTER DATABASE "portal" CONNECTION LIMIT 7'),
    ],
)
def test_a_setting_is_shown_without_what_may_be_secret(name, value, expected):
    setting = setting_item(name, value)
    assert shown(setting, None) == [expected]
    assert "***" not in statements(difference(setting, None), "portal", ANY)[0].text


def test_a_setting_that_production_has_not_is_reset():
    setting = setting_item("work_mem", "1", "ro ot")
    (found,) = compare(
        Inventory({}, 16), Inventory({setting.key: setting}, 16), Inventory({setting.key: setting}, 16)
    )
    assert [one.text for one in statements(found, "portal", ANY)] == [
        'ALTER ROLE "ro ot" IN DATABASE "portal" RESET "work_mem"'
    ]


def test_what_is_made_gets_its_owner_at_once_and_a_materialised_view_its_rows_only_then():
    view = Item("materialized-view", "public.m", {"definition": " SELECT f();", "owner": "o"})
    assert shown(view, None) == [
        "CREATE MATERIALIZED VIEW public.m AS\nSELECT f()\nWITH NO DATA",
        'ALTER MATERIALIZED VIEW public.m OWNER TO "o"',
        "REFRESH MATERIALIZED VIEW public.m",
    ]


def test_what_the_server_writes_no_statement_for_is_not_carried():
    with pytest.raises(NotCarried, match="of kind label-of-a-later-major"):
        shown(Item("label-of-a-later-major", "a"), None)


def test_a_finding_shows_the_statement_to_add_or_what_the_catalogue_has():
    enum = difference(Item("type", "public.mood", {"labels": ["it's", "b"]}), None)
    assert "CREATE TYPE public.mood AS ENUM ('it''s', 'b');" in remedy(enum, carried=False)
    server = difference(Item("server", "far", {"options": ["host=h", "password=wordpass"]}), None)
    text = remedy(server, carried=False)
    assert 'its catalogue has options: ["host=h", "password=***"]' in text


def test_rights_that_differ_are_told_one_by_one():
    told = said(difference(rights(("SELECT", "", None, True)), rights(("INSERT", "x", "y", False))))
    assert told.endswith(
        "production has SELECT for PUBLIC with grant option; production has no INSERT for x by y"
    )


def enum(*labels):
    return Item("type", "public.mood", {"labels": list(labels)})


def test_labels_that_an_enum_lacks_are_added_where_they_belong():
    assert shown(enum("a", "b", "it's", "c"), enum("b", "c")) == [
        "ALTER TYPE public.mood ADD VALUE 'a' BEFORE 'b'",
        "ALTER TYPE public.mood ADD VALUE 'it''s' AFTER 'b'",
    ]


def test_an_enum_that_lost_a_label_is_made_again():
    written = Dumped({("type", "public.mood"): "CREATE TYPE public.mood AS ENUM ('a')"})
    made = ["DROP TYPE public.mood", "CREATE TYPE public.mood AS ENUM ('a')"]
    assert shown(enum("a"), enum("a", "b"), written) == made


def test_a_sequence_is_altered_in_place_and_keeps_where_it_stands():
    row = {"typid": "bigint", "start": 1, "increment": 1, "min": 1, "max": 9, "cache": 1, "cycle": False}
    one, other = (Item("sequence", "public.n", {"sequence": [{**row, "increment": by}]}) for by in (5, 1))
    (text,) = shown(one, other)
    assert text.startswith("ALTER SEQUENCE public.n AS bigint START 1 INCREMENT 5 ")


def test_an_extension_is_brought_to_production_s_version():
    one, other = (Item("extension", "hstore", {"version": version}) for version in ("1.8", "1.7"))
    assert shown(one, other) == ["ALTER EXTENSION hstore UPDATE TO '1.8'"]
    assert shown(
        Item("extension", "hstore", {"version": "1.8", "namespace": "public", "owner": "x"}), None
    ) == ["CREATE EXTENSION hstore SCHEMA public VERSION '1.8'"]


def test_options_that_may_be_secrets_are_not_shown():
    text = """CREATE SERVER far FOREIGN DATA WRAPPER fdw OPTIONS (
    "api token" E'don\\\\''t',
    host 'x',
    password 'it''s'
)"""
    server = Item("server", "far")
    (seen,) = shown(server, None, Dumped({server.key: text}))
    assert "host 'x'" in seen
    assert "don" not in seen
    assert "it" not in seen.partition("password")[2]


@pytest.mark.parametrize(
    ("item", "why"),
    [
        (Item("user-mapping", "reader on server far"), "a password may be in it"),
        (Item("type", "public.t", {"row": ["t_in"]}), "call into a library"),
        (
            Item("function", "public.f()", {"definition": "CREATE FUNCTION f()\n LANGUAGE c\n"}),
            "into a library",
        ),
        (Item("type", "public.t"), "no pg_dump"),
        (Item("large-object", "1"), "neither PostgreSQL nor pg_dump"),
    ],
)
def test_what_cannot_be_carried_safely_says_why(item, why):
    with pytest.raises(NotCarried, match=why):
        shown(item, None, Dumped(missing="this host has no pg_dump"))


def test_a_table_of_a_publication_is_taken_out_of_it():
    relation = Item("publication-relation", 'public.study in publication "a b"')
    base = Inventory({relation.key: relation}, 16)
    (dropped,) = compare(Inventory({}, 16), base, base)
    (text,) = (one.text for one in statements(dropped, "portal", ANY))
    assert text == 'ALTER PUBLICATION "a b" DROP TABLE public.study'


@pytest.mark.parametrize(
    ("kind", "do", "wants"),
    [("*", "carry", True), ("type", "carry", True), ("text-*", "carry", True), ("view", "carry", False),
     ("type", "fail", False)],
)  # fmt: skip
def test_only_rules_that_carry_definitions_want_pg_dump(kind, do, wants):
    assert wants_dump([ObjectRule(kind, "*", do)]) == wants
