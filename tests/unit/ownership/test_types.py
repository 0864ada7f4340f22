"""Which types take which values: what is identical, or wider with the same text, and nothing else."""

from __future__ import annotations

import pytest

from plugins.module_utils.reingest.ownership.types import (
    COMPOSITE,
    DOMAIN,
    ENUM,
    Type,
    holds_oid,
    is_oid,
    misfit,
)

MOOD = {"public.mood": Type(ENUM, labels=("good", "bad"))}
EMAIL = {"public.email": Type(DOMAIN, base="text", checks=("CHECK ((VALUE ~ '@'))",))}


def point(*attributes):
    return {"public.point3": Type(COMPOSITE, attributes=attributes)}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("jsonb", "jsonb"),
        ("smallint", "integer"),
        ("smallint", "bigint"),
        ("integer", "bigint"),
        ("integer[]", "bigint[]"),
        ("character varying(10)", "character varying(10)"),
        ("character varying(10)", "character varying(11)"),
        ("character varying(10)", "character varying"),
        ("character varying(10)", "text"),
        ("text", "character varying"),
        ("numeric(10,2)", "numeric(12,2)"),
        ("numeric(10,2)", "numeric"),
        ("timestamp(3) with time zone", "timestamp(3) with time zone"),
    ],
)
def test_the_same_type_and_a_wider_one_of_the_same_text_take_all_values(before, after):
    assert misfit(before, after, {}, {}) == ""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("bigint", "integer"),
        ("integer", "numeric"),
        ("integer", "text"),
        ("text", "integer"),
        ("integer", "integer[]"),
        ("integer[]", "integer"),
        ("text", "character varying(10)"),
        ("character varying", "character varying(10)"),
        ("character varying(11)", "character varying(10)"),
        ("character(10)", "text"),
        ("numeric(10,2)", "numeric(12,3)"),
        ("numeric(12,2)", "numeric(10,2)"),
        ("numeric", "numeric(10,2)"),
        ("numeric(10,2)", "double precision"),
        ("real", "double precision"),
        ("json", "jsonb"),
        ("timestamp without time zone", "timestamp with time zone"),
        ("timestamp(6) with time zone", "timestamp(3) with time zone"),
    ],
)
def test_any_other_type_is_refused_with_both_names(before, after):
    assert misfit(before, after, {}, {}) == f"{after} does not take every value of {before} as it is"


def test_an_enum_may_gain_values_and_lose_none():
    more = {"public.mood": Type(ENUM, labels=("new", "bad", "good"))}
    less = {"public.mood": Type(ENUM, labels=("good",))}
    assert misfit("public.mood", "public.mood", MOOD, more) == ""
    assert misfit("public.mood[]", "public.mood[]", MOOD, less) == "the schema's mood lacks 'bad'"
    assert "does not take" in misfit("public.mood", "text", MOOD, {})
    assert "does not take" in misfit("text", "public.mood", {}, MOOD)


def test_a_domain_that_demands_more_is_refused_and_one_that_is_given_up_takes_all():
    longer = {"public.email": Type(DOMAIN, base="text", checks=("CHECK ((VALUE ~ '@'))", "NOT NULL"))}
    assert misfit("public.email", "public.email", EMAIL, EMAIL) == ""
    assert misfit("public.email", "text", EMAIL, {}) == ""
    assert misfit("public.email", "public.email", longer, EMAIL) == ""
    assert misfit("public.email", "public.email", EMAIL, longer) == (
        "domain email demands NOT NULL, which production does not"
    )
    assert "demands CHECK ((VALUE ~ '@'))" in misfit("text", "public.email", {}, EMAIL)


def test_a_domain_is_as_wide_as_what_it_is_made_from():
    narrow, wide = ({"public.code": Type(DOMAIN, base=f"character varying({n})")} for n in (5, 9))
    assert misfit("public.code", "public.code", narrow, wide) == ""
    assert misfit("character varying(5)", "public.code", {}, wide) == ""
    assert "does not take every value" in misfit("public.code", "public.code", wide, narrow)


def test_a_composite_type_is_judged_by_its_attributes():
    name = "public.point3"
    assert misfit(name, name, point(("x", "integer")), point(("x", "bigint"))) == ""
    assert misfit(name, name, point(("x", "bigint")), point(("x", "integer"))).startswith("attribute x: ")
    assert misfit(name, name, point(("x", "integer")), point(("y", "integer"))) == (
        "its attributes are y in the schema and x in production"
    )


def test_one_oid_is_no_list_of_them():
    types = {"public.lo": Type(DOMAIN, base="oid"), "public.los": Type(DOMAIN, base="oid[]")}
    assert all(is_oid(name, types) for name in ("oid", "public.lo"))
    assert not any(is_oid(name, {**types, **MOOD}) for name in ("oid[]", "public.los", "public.mood", "xid"))


def test_oids_are_found_wherever_they_are_held():
    types = {
        "public.lo": Type(DOMAIN, base="oid"),
        "public.scan": Type(COMPOSITE, attributes=(("n", "integer"), ("pictures", "public.lo[]"))),
    }
    assert all(
        holds_oid(name, types) for name in ("oid", "oid[]", "public.lo", "public.scan", "public.scan[]")
    )
    assert not any(holds_oid(name, {**types, **MOOD}) for name in ("integer", "public.mood", "oidvector"))
