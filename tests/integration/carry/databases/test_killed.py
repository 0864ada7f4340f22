"""Another database of production is there, whole and once, whatever is killed on the way there or back."""

from __future__ import annotations

from contextlib import closing

import psycopg2
import pytest
from integration.carry.databases.cluster import in_production
from integration.carry.killed import killed_in
from tiers import sample, sample_of

from plugins.module_utils.reingest.carry import carry_over as carry_module
from plugins.module_utils.reingest.carry import databases as databases_module
from plugins.module_utils.reingest.carry import renaming
from plugins.module_utils.reingest.carry.record import fence_record
from plugins.module_utils.reingest.postgres.control import read_control

STEPS = {
    "take": (carry_module, "take_databases"),
    "put": (carry_module, "put_rows"),
    "manifest": (carry_module, "write_manifest"),
    "hide": (databases_module, "rename"),
    "dump": (databases_module, "dump"),
    "own name": (databases_module, "own_name"),
    "restore": (databases_module, "restore"),
    "prove": (databases_module, "refuse_different"),
    "swap": (databases_module, "swap_in"),
    "rename": (renaming, "rename"),
    "drop": (databases_module, "drop"),
}


@pytest.mark.parametrize("after", sample([False, True], True))
@pytest.mark.parametrize(("module", "name"), sample_of(STEPS, "dump", "swap"))
def test_a_kill_on_the_way_there_is_recovered_and_the_next_switch_carries_all(cluster, module, name, after):
    cluster.make("jobs")
    assert killed_in(module, name, cluster.portal.carry, after=after)
    cluster.open()  # what whoever recovers does to the server that serves
    assert cluster.opened(cluster.old) == ["jobs", "portal"]
    cluster.old.rows("INSERT INTO part VALUES (5)", "jobs")
    made = cluster.portal.carry("run-2")
    assert made.lines[1] == "database jobs: 3 tables, 7 rows carried, 0 differ"
    assert in_production(cluster, cluster.new) == [(1,), (2,), (5,)]
    assert cluster.copies() == []


@pytest.mark.parametrize("after", sample([False, True], True))
@pytest.mark.parametrize("name", sample(["rename", "dump", "own_name"], "dump"))
def test_a_kill_while_it_is_taken_is_recovered(switched, name, after):
    switched.new.rows("INSERT INTO part VALUES (5)", "jobs")
    assert killed_in(databases_module, name, switched.take, after=after)
    switched.open(switched.new)
    assert switched.opened(switched.new) == ["jobs", "portal"]
    switched.take("run-3")
    switched.open(run="run-3")
    assert in_production(switched, switched.old) == [(1,), (2,), (5,)]


def test_a_dump_that_outlives_its_killed_run_is_ended(cluster):
    """It is still in the database, under its hidden name."""
    cluster.make("jobs")
    assert killed_in(databases_module, "dump", cluster.portal.carry, after=False)
    identifier = read_control(cluster.old.data).system_identifier
    hidden = fence_record(cluster.portal.volume, identifier).read().databases[0].hidden
    with closing(cluster.old.connect(hidden)) as session, session.cursor() as cursor:
        cluster.open()
        with pytest.raises(psycopg2.OperationalError):
            cursor.execute("INSERT INTO part VALUES (9)")
    assert cluster.opened(cluster.old) == ["jobs", "portal"]


def test_a_database_that_a_client_made_in_place_of_the_hidden_one_is_set_aside(cluster):
    cluster.make("jobs")
    assert killed_in(databases_module, "dump", cluster.portal.carry, after=False)
    cluster.old.rows("CREATE DATABASE jobs")
    with closing(cluster.old.connect("jobs")):
        cluster.open()
    assert cluster.opened(cluster.old) == ["jobs", "portal"]
    assert in_production(cluster, cluster.old) == [(1,), (2,)]
    (aside,) = cluster.copies()
    assert aside.startswith("reingest_aside_")


def test_a_copy_whose_deletion_was_killed_is_deleted_by_the_next(cluster):
    cluster.make("jobs")
    name = "reingest_" + "0" * 32
    cluster.new.rows(f"CREATE DATABASE {name} IS_TEMPLATE true CONNECTION LIMIT 3")
    cluster.new.rows(
        "UPDATE pg_database SET datistemplate = false, datconnlimit = -2 WHERE datname ~ '^reing'"
    )
    cluster.portal.carry()
    assert cluster.copies() == []


BACK = {
    "restore": (databases_module, "restore"),
    "prove": (databases_module, "refuse_different"),
    "swap": (databases_module, "swap_in"),
    "rename": (renaming, "rename"),
    "drop": (renaming, "drop"),
}


@pytest.mark.parametrize("after", sample([False, True], True))
@pytest.mark.parametrize(("module", "name"), sample_of(BACK, "swap"))
def test_a_kill_while_it_is_given_back_is_resumed(switched, module, name, after):
    switched.new.rows("INSERT INTO part VALUES (5)", "jobs")
    switched.take()
    assert killed_in(module, name, switched.open, after=after)
    switched.open()
    assert in_production(switched, switched.old) == [(1,), (2,), (5,)]
    assert switched.opened(switched.old) == ["jobs", "portal"]
    assert switched.copies() == []
