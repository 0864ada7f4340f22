"""Whatever a schema is, one change in it is found by its name, and none where nothing was changed."""

from __future__ import annotations

import hypothesis
import pytest
from hypothesis import strategies as st
from integration.inventory.random_schema import schemas
from tiers import full

from plugins.module_utils.reingest.inventory.compare import HAND, RELEASE, compare
from plugins.module_utils.reingest.inventory.read import read_inventory

EXAMPLES = 40  # some 10 s


@pytest.fixture(scope="module")
def both(server):
    """Return two databases whose objects have other numbers; what an example makes in them is rolled back."""
    connections = []
    for name in ("one", "two"):
        server.rows(f"CREATE DATABASE {name} TEMPLATE template0")
        connections.append(server.connect(name))
        connections[-1].autocommit = False
    for number in range(20):
        server.rows(f"CREATE TABLE gone{number} (id int); DROP TABLE gone{number}", "two")
    yield connections
    for connection in connections:
        connection.close()


def settings(examples):
    return hypothesis.settings(max_examples=examples, suppress_health_check=list(hypothesis.HealthCheck))


@settings(EXAMPLES)
@hypothesis.given(things=schemas(), data=st.data())
def test_one_change_is_found_by_its_name_and_nothing_else_is_found(both, things, data):
    changed_once(both, things, data)


@full
@settings(EXAMPLES * 10)
@hypothesis.given(things=schemas(), data=st.data())
def test_one_change_is_found_in_many_more_schemas(both, things, data):
    changed_once(both, things, data)


def changed_once(both, things, data):
    one, two = both
    try:
        for connection in both:
            with connection.cursor() as cursor:
                # Not by its schema alone: a name in a schema is found whatever the search path is.
                cursor.execute("SET LOCAL search_path = s, pg_catalog")
                for thing in things:
                    cursor.execute(thing.make)
        made, same = read_inventory(one), read_inventory(two)
        assert [found.name for found in compare(made, same, made) if ":database:" not in found.name] == []
        changes = [change for thing in things for change in thing.changes]
        statement, name = data.draw(st.sampled_from(changes))
        with two.cursor() as cursor:
            cursor.execute(statement)
        changed = read_inventory(two)
    finally:
        for connection in both:
            connection.rollback()
    by_hand = {found.name: found.cause for found in compare(changed, made, made)}
    released = {found.name: found.cause for found in compare(made, changed, made)}
    assert (by_hand.get(f"object:{name}"), released.get(f"object:{name}")) == (HAND, RELEASE), statement
