"""Two releases, and a production in between that was altered by hand in every kind: nothing goes unseen."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from contextlib import closing

import psycopg2
import pytest
from clusters import programs
from deployment import PLAYBOOK, RELEASE_1, RELEASE_2, ROOT, make_deployment
from integration.inventory.every_kind import BASE, made
from tiers import full

from plugins.module_utils.reingest.inventory.compare import compare
from plugins.module_utils.reingest.inventory.read import read_inventory

MAJOR = 16  # the demo's
# Beside the portal's own tables, a schema with something of each kind that somebody alters.
SCHEMA = f"""
CREATE SCHEMA lab; GRANT USAGE ON SCHEMA lab TO PUBLIC; SET search_path = lab, public;
{BASE}
RESET search_path;
"""
TABLES = ("study", "sample", "measured", "scratch", "child")
# Refused before the load, as users' rows that nobody could find again.
NOT_HERE = ("large object",)
RULES = """
objects:
  - {kind: view, name: "*", do: fail}
  - {kind: domain, name: "*", do: fail}
  - {kind: comment, name: "*", do: ignore}
  - {kind: "*", name: "*", do: carry}
"""
# What is said of a column is said of its table.
TOLD_BY = {"object:column:lab.study.note": "schema:lab.study"}
ACCEPTS = re.compile(r"to accept all of these[^:]*: (-e (?:'[^']*'|\S+))")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return a deployment that has ingested release 1, whose worker has production's pg_dump."""
    made = make_deployment()
    folder = made.home / "dataset"
    folder.mkdir()
    for path in (ROOT / "demo").glob("*.sql"):
        shutil.copy(path, folder)
    with (folder / "schema.sql").open("a") as schema:
        schema.write(SCHEMA)
    own = "".join(f"  lab.{table}: {{owner: schema}}\n" for table in TABLES)
    text = (ROOT / "demo/dataset.yml").read_text().replace("\ntables:\n", f"\ntables:\n{own}")
    (folder / "dataset.yml").write_text(text)
    found = programs(MAJOR, tmp_path_factory.mktemp("programs"))
    made.environment["PATH"] = f"{found}:{os.environ['PATH']}"
    code, output = made.ingest(RELEASE_1, *dataset(made))
    assert code == 0, output[-4000:]
    yield made
    made.clear()


def dataset(site):
    return "-e", f"reingest_dataset={site.home}/dataset/dataset.yml"


def connection(site):
    port = site.environment["DEMO_PRODUCTION_PORT"]
    return closing(psycopg2.connect(f"postgresql://nmdc@127.0.0.1:{port}/nmdc?passfile={site.home}/pgpass"))


def inventory(site):
    with connection(site) as session:
        return read_inventory(session)


def alter(site):
    """Alter production by hand, and return the names of what is different then."""
    kinds = made(MAJOR, "nmdc")
    with connection(site) as session, session.cursor() as cursor:
        session.autocommit = True
        cursor.execute("CREATE ROLE reader; CREATE ROLE writer; SET search_path = lab, public")
        for what, (statement, _, _) in kinds.items():
            if what not in NOT_HERE:
                cursor.execute(statement)


def paste(site, playbook, output):
    """Paste what a refusal ends with behind the command, in a shell."""
    argument = ACCEPTS.findall(output)[-1]
    command = f"'{PLAYBOOK}' {playbook} -i inventories/demo {' '.join(dataset(site))} {argument}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, env=site.environment, capture_output=True, text=True, timeout=900
    )
    return done.returncode, done.stdout + done.stderr


@full
def test_after_the_switch_the_inventories_differ_in_nothing_that_was_not_accepted(site):
    alter(site)
    before = inventory(site)
    code, output = site.ingest(RELEASE_2, *dataset(site))
    assert code != 0
    seen = {one["name"] for one in site.report()["findings"]}
    assert {"object:view:lab.report", "object:type:lab.size", "schema:lab.study"} <= seen
    assert len(ACCEPTS.findall(output)[-1]) < 8000

    with (site.home / "dataset/dataset.yml").open("a") as text:
        text.write(RULES)
    code, output = site.play("playbooks/promote.yml", *dataset(site))
    assert code != 0
    report = site.report()
    left = {one["name"] for one in report["findings"]}
    assert left < seen
    assert {
        "object:view:lab.report",
        "object:domain:lab.mail",
        "object:user-mapping:reader on server far",
    } < left

    code, output = paste(site, "playbooks/promote.yml", output)
    assert code == 0, output[-6000:]
    after = inventory(site)
    differs = {one.name for one in compare(before, after, None) if one.kind != "comment"}
    assert {TOLD_BY.get(name, name) for name in differs} <= left
    told = json.dumps(site.report())
    assert "carry CREATE TYPE lab.size AS ENUM" in told
    assert "wordpass" not in told + output
