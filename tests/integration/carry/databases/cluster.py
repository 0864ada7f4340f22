"""Two servers with a portal's database, and other databases of production that the load names."""

from __future__ import annotations

from plugins.module_utils.reingest.carry.survey import survey

SCHEMA = "CREATE TABLE download (id serial PRIMARY KEY, note text)"
LOAD = "CREATE TABLE reingest.load (snapshot text PRIMARY KEY)"
JOBS = [
    "CREATE SCHEMA queue",
    'CREATE TABLE queue."a b%" (id bigserial PRIMARY KEY, note text)',
    'ALTER TABLE queue."a b%" ADD COLUMN twice text GENERATED ALWAYS AS (note) STORED',
    """INSERT INTO queue."a b%" (note) VALUES ('one'), (NULL), ('')""",
    "CREATE TABLE part (n int, at date) PARTITION BY RANGE (n)",
    "CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10)",
    "INSERT INTO part VALUES (1, '2026-01-01'), (2, 'infinity')",
    "CREATE TABLE gone (a int, b text, c int)",
    "ALTER TABLE gone DROP COLUMN b",
    "INSERT INTO gone VALUES (1, 2)",
    "CREATE SEQUENCE lonely",
    "SELECT setval('lonely', 41, false)",
    "CREATE MATERIALIZED VIEW seen AS SELECT count(*) FROM part",
    "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
]


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


class Cluster:
    """Two servers with a portal's database, and other databases of production that the load names."""

    def __init__(self, portal):
        self.portal, self.made = portal, []
        self.old, self.new = portal.production, portal.staging

    def make(self, *names, statements=JOBS):
        """Make databases on production, and have the load, and production's own, carry them."""
        for server in (self.old, self.new):
            server.rows(LOAD, "portal")
            server.rows("CREATE TABLE reingest.load_database (name text, owner text)", "portal")
            server.rows("INSERT INTO reingest.load_database VALUES ('elsewhere', 'ignore')", "portal")
            for name in names:
                query = "INSERT INTO reingest.load_database VALUES (%(name)s, 'portal')"
                server.rows(query, "portal", name=name)
        for name in names:
            self.old.rows(f"CREATE DATABASE {quoted(name)}")
            for statement in statements:
                self.old.rows(statement, name)
        self.made += names

    def rows(self, server, statement, name="jobs"):
        return server.rows(statement, name)

    def take(self, run="run-2", *, forward=False):
        return self.portal.take(run, forward=forward)

    def open(self, server=None, run="run-2"):
        return self.portal.open(run, forward=server is self.new)

    def survey(self, **changed):
        asked = {
            "live": self.old.data,
            "staging": self.new.dsn(),
            "target": None,
            "coming": False,
            "databases": self.made,
        }
        return survey(self.portal.volume, self.old.dsn(), **{**asked, **changed})

    def copies(self):
        """Return the databases that have a name of ours, of both servers."""
        query = "SELECT datname FROM pg_database WHERE datname ~ '^reingest_'"
        return [name for server in (self.old, self.new) for (name,) in server.rows(query)]

    def opened(self, server):
        """Return which databases of a server are open."""
        query = "SELECT datname FROM pg_database WHERE datallowconn ORDER BY 1"
        own = ("postgres", "template1")
        return [name for (name,) in server.rows(query) if name not in own]


def in_production(cluster, server):
    return sorted(server.rows("SELECT n FROM part", "jobs"))
