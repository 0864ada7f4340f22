"""Whole runs over a production with more than its database: named before the load, put right after it."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import closing

import psycopg2
import pytest
from clusters import programs
from deployment import RELEASE_1, RELEASE_2, ROOT, ingested_deployment
from tiers import full

from plugins.module_utils.reingest.frame.roles import read_roles

HOOK = """
- name: Write down that it ran
  ansible.builtin.copy:
    content: "{{ after_promote_previous }} {{ after_promote_snapshot }}"
    dest: "{{ demo_home }}/after"
    mode: "0600"
- name: Make the slot anew
  ansible.builtin.assert:
    that: not (broken | default(false) | bool)
    fail_msg: the archive is full
"""


@pytest.fixture(scope="module")
def site():
    """Return a deployment with two releases, the second one live."""
    made = ingested_deployment()
    (made.home / "after.yml").write_text(HOOK)
    yield made
    made.clear()


@pytest.fixture
def ask(site):
    """Return ``ask(statement, database)`` for production; returns rows."""

    def run(statement, database="postgres"):
        with closing(psycopg2.connect(dsn(site, database))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []

    return run


def dsn(site, database="postgres"):
    port = site.environment["DEMO_PRODUCTION_PORT"]
    return f"postgresql://nmdc@127.0.0.1:{port}/{database}?passfile={site.home}/pgpass"


@full
def test_a_run_over_a_cluster_with_more_than_the_portals_database(site, ask):
    a_missing_task_file_is_refused_before_anything(site)
    a_second_database_stops_the_run_before_the_load(site, ask)
    a_slot_is_accepted_with_a_hook_that_runs_when_the_new_server_is_proven(site, ask)
    a_hook_that_fails_is_told_and_nothing_goes_back(site)


def a_missing_task_file_is_refused_before_anything(site):
    code, output = site.ingest(RELEASE_1, "-e", f"reingest_after_promote={site.home}/nothing.yml")
    assert code != 0
    assert "there is no such file on the controller" in output
    assert not site.locked()


def a_second_database_stops_the_run_before_the_load(site, ask):
    ask("CREATE DATABASE other")
    ask("CREATE TABLE kept (n int)", "other")
    code, output = site.ingest(RELEASE_1)
    assert code != 0
    assert "databases: {other: ignore}" in output
    assert not site.locked()
    assert site.health()["release"] == RELEASE_2
    ask("DROP DATABASE other")


def a_slot_is_accepted_with_a_hook_that_runs_when_the_new_server_is_proven(site, ask):
    ask("SELECT pg_create_physical_replication_slot('replica')")
    ask("CREATE ROLE reader LOGIN PASSWORD 'a secret of the readers'")
    ask("ALTER ROLE reader SET work_mem = '3MB'")
    roles = read_roles(dsn(site)).roles
    accepts = ("-e", "reingest_accept=slot:replica", "-e", f"reingest_after_promote={site.home}/after.yml")
    code, output = site.ingest(RELEASE_2, "-e", "reingest_force=true", *accepts)
    assert code == 0, output[-4000:]
    assert site.health()["release"] == RELEASE_2
    assert (site.home / "after").read_text().split() == site.snapshots()[-2:]
    assert ask("SELECT slot_name FROM pg_replication_slots") == []
    assert read_roles(dsn(site)).roles == roles
    report = site.report()
    assert report["outcome"] == "done"
    assert "create role reader as in production" in json.dumps(report)
    for role in roles.values():
        assert role.password not in output + json.dumps(report)


def a_hook_that_fails_is_told_and_nothing_goes_back(site):
    arguments = ("-e", f"reingest_after_promote={site.home}/after.yml", "-e", "broken=true")
    back = site.snapshots()[-2]
    code, output = site.play("playbooks/rollback.yml", *arguments)
    assert code != 0, output[-4000:]
    failure = site.report()["failure"]
    assert f"{site.home}/after.yml (reingest_after_promote) failed in Make the slot anew" in failure
    assert "the archive is full" in failure
    assert f"{back} serves, and the switch is done" in failure
    assert site.volume.joinpath("prod").readlink().name == back
    assert not site.locked()
    assert set(site.processes()) == {"db", "db-ingest", "backend"}


@pytest.fixture
def dataset(site):
    """Return the demo's dataset, which gives database `jobs` to the portal."""
    folder = site.home / "dataset"
    folder.mkdir()
    for path in (ROOT / "demo").glob("*.sql"):
        shutil.copy(path, folder)
    text = (
        (ROOT / "demo/dataset.yml")
        .read_text()
        .replace("\ntables:\n", "\ndatabases: {jobs: portal}\ntables:\n")
    )
    assert "jobs: portal" in text
    (folder / "dataset.yml").write_text(text)
    return folder / "dataset.yml"


@full
def test_another_database_is_carried_by_whole_runs(site, ask, dataset, tmp_path):
    ask("CREATE DATABASE jobs")
    ask("CREATE TABLE job (value int)", "jobs")
    ask("INSERT INTO job VALUES (1)", "jobs")
    named = ("-e", f"reingest_dataset={dataset}")
    for check in (["--check"], []):
        code, output = site.ingest(RELEASE_2, *named, *check)
        assert code != 0
        assert "install postgresql-client-16 (Debian)" in output
    path = f"{programs(16, tmp_path)}:{os.environ['PATH']}"
    code, output = site.ingest(RELEASE_2, *named, "--check", PATH=path)
    assert code == 0, output[-4000:]
    assert "carry database jobs, " in output
    code, output = site.ingest(RELEASE_2, *named, PATH=path)
    assert code == 0, output[-4000:]
    assert "carry database jobs: 1 table, 1 rows carried, 0 differ" in json.dumps(site.report())
    ask("INSERT INTO job VALUES (2)", "jobs")
    newest = site.snapshots()[-1]
    code, output = site.play("playbooks/rollback.yml", PATH=path)
    assert code == 0, output[-4000:]
    assert ask("SELECT value FROM job ORDER BY value", "jobs") == [(1,), (2,)]
    ask("INSERT INTO job VALUES (3)", "jobs")
    code, output = site.play("playbooks/promote.yml", "-e", f"reingest_snapshot={newest}", PATH=path)
    assert code == 0, output[-4000:]
    assert ask("SELECT value FROM job ORDER BY value", "jobs") == [(1,), (2,), (3,)]
    assert site.volume.joinpath("prod").readlink().name == newest
