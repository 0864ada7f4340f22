"""A staging server with little of /dev/shm is loaded, and vacuumed, by as many processes as it likes."""

from __future__ import annotations

from contextlib import closing, suppress

import pytest
from containers import docker
from files.judge import faults_of_end
from files.load_once import load
from files.place import Place
from waiting import wait_for

from plugins.module_utils.reingest.postgres.dsn import Unreachable, connect, with_database
from plugins.module_utils.reingest.postgres.maintenance import freeze

ROWS = 60_000
# Whatever can be shared out to several processes is, with memory for hash tables that is more than there is.
EAGER = {
    "parallel_setup_cost": "0",
    "parallel_tuple_cost": "0",
    "min_parallel_table_scan_size": "0",
    "min_parallel_index_scan_size": "0",
    "max_parallel_workers_per_gather": "4",
    "max_parallel_maintenance_workers": "4",
    "work_mem": "256MB",
    "maintenance_work_mem": "256MB",
    "enable_nestloop": "off",
    "enable_mergejoin": "off",
}
SCHEMA = """
CREATE TABLE parent (id int PRIMARY KEY, name text UNIQUE, much text);
CREATE TABLE child (
  id int PRIMARY KEY, parent int REFERENCES parent, name text CHECK (name <> ''), much text
);
CREATE INDEX ON child (parent); CREATE INDEX ON child (name);
CREATE INDEX ON child USING gin (to_tsvector('simple', name));
CREATE MATERIALIZED VIEW families AS SELECT p.name, c.much FROM parent p JOIN child c ON c.parent = p.id;
"""
JOIN = "SELECT count(*), sum(length(p.much || c.much)) FROM parent p JOIN child c ON c.name = p.name"


@pytest.fixture
def place(container, postgres, tmp_path):
    options = ("-e", "POSTGRES_HOST_AUTH_METHOD=trust", "-p", "127.0.0.1::5432", "--shm-size", "8m")
    name = container("", *options, image=postgres)
    made = Container(tmp_path, docker("port", name, "5432"))
    wait_for(made.answers, "the server answers")
    for setting, value in EAGER.items():
        made.rows(f"ALTER SYSTEM SET {setting} = '{value}'", "postgres")
    made.rows("SELECT pg_reload_conf()", "postgres")
    return made


class Container(Place):
    """As a place of ``make test-files``; ``port`` is the address."""

    def dsn(self, database="postgres"):
        return f"postgresql://postgres@{self.port}/{database}"

    def answers(self):
        with suppress(Unreachable), closing(connect(self.dsn())):
            return True


@pytest.mark.full
def test_a_load_and_its_finalising_need_none_of_it(place):
    text = "x" * 150
    parents = "id,name,much\n" + "".join(f"{at},n{at},{text}{at}\n" for at in range(ROWS))
    children = "id,parent,name,much\n" + "".join(f"{at},{at + 9},n{at},{text}{at}\n" for at in range(ROWS))
    common = {"owner": "source", "duplicates": "drop"}
    tables = {
        "parent": {**common, "from": "parent.csv"},
        "child": {**common, "from": "child.csv", "orphans": "drop"},
    }
    dataset = {
        "database": "portal",
        "schema": "schema.sql",
        "tables": tables,
        "transform": ["again.sql"],
    }
    files = {
        "parent.csv": (parents + f"1,n1,{text}1\n").encode(),
        "child.csv": children.encode(),
        "again.sql": b"UPDATE child c SET much = p.much FROM parent p WHERE p.id = c.parent AND c.id < 9;",
    }
    end = load(place, files, SCHEMA, dataset, processes=2)
    assert list(faults_of_end(end, files)) == []
    assert (end.refusal, end.counts["child"]["orphans"], end.counts["parent"]["duplicates"]) == ("", 9, 1)
    freeze(place.dsn())
    another = connect(with_database(place.dsn(), "portal"))
    with closing(another), another.cursor() as cursor, pytest.raises(Exception, match="No space left"):
        cursor.execute(JOIN)
