"""Two servers, each with a portal's database; production's users have written rows."""

from __future__ import annotations

from contextlib import closing

import pytest
from psycopg2.extras import Json

from plugins.module_utils.reingest.carry.carry_over import Servers, carry_over
from plugins.module_utils.reingest.carry.fence import Patience, control_session, is_fenced, lift_fence
from plugins.module_utils.reingest.carry.give_back import open_database
from plugins.module_utils.reingest.carry.take import take_rows
from plugins.module_utils.reingest.postgres.control import read_control
from plugins.module_utils.reingest.postgres.session import pinned
from plugins.module_utils.reingest.volume.layout import Volume

DATABASE = "portal"
_CONTRACT = """
CREATE SCHEMA reingest;
CREATE TABLE reingest.load_table
    (name text PRIMARY KEY, owner text NOT NULL, orphans_policy text, oids jsonb);
"""


class Portal:
    """Both servers' databases, and the carry-over between them."""

    def __init__(self, production, staging, folder):
        self.production, self.staging = production, staging
        self.volume = Volume(folder)
        self.servers = Servers(production.dsn(), staging.dsn(), DATABASE)

    def make(self, schema, owners, *, new=None, oids=None):
        """Make the database on both servers: by ``schema``, and by ``new`` where the load has another one.

        Args:
            schema: production's.
            owners: by table its owner, or for a portal-owned one what becomes of its orphans.
            new: the load's schema.
            oids: by table, what the OIDs in its columns are.
        """
        for server, text in ((self.production, schema), (self.staging, new or schema)):
            server.rows(f"CREATE DATABASE {DATABASE}")
            server.rows(text, DATABASE)
            server.rows(_CONTRACT, DATABASE)
            for name, owner in owners.items():
                policy = None if owner in ("source", "schema") else owner
                server.rows(
                    "INSERT INTO reingest.load_table VALUES (%(name)s, %(owner)s, %(policy)s, %(oids)s)",
                    DATABASE,
                    name=name,
                    owner="portal" if policy else owner,
                    policy=policy,
                    oids=Json((oids or {}).get(name, {})),
                )

    def live(self, statement):
        return self.production.rows(statement, DATABASE)

    def new(self, statement):
        return self.staging.rows(statement, DATABASE)

    def carry(self, run="run-1", drain=0.5, end=5):
        """Carry over; returns the result."""
        patience = Patience(drain, end)
        return carry_over(self.volume, self.servers, live=self.production.data, run=run, patience=patience)

    def take(self, run="run-2", *, forward=False):
        """Take users' rows out of the newer server, for production's; ``forward``: the other way round."""
        left, target = (self.production, self.staging) if forward else (self.staging, self.production)
        return take_rows(
            self.volume,
            left.dsn(),
            DATABASE,
            live=left.data,
            target=target.data,
            run=run,
            taken=run,
            patience=Patience(0.2, 5),
        )

    def open(self, run="run-2", *, forward=False, how=open_database):
        """Give the rows that were taken to the server that they are for, and open it."""
        server = self.staging if forward else self.production
        return how(self.volume, server.dsn(), read_control(server.data).system_identifier, run=run)

    def back(self, run="run-2"):
        """Go back to production, which is fenced; returns what was done."""
        self.take(run)
        return self.open(run)

    @property
    def is_fenced(self):
        with closing(control_session(self.production.dsn())) as control:
            return is_fenced(control, DATABASE)

    def lift(self):
        with closing(control_session(self.production.dsn())) as control:
            lift_fence(control, DATABASE)

    def seen(self, server, query):
        """Return rows as texts, in the pinned formats; the fence of production is lifted for it."""
        if server is self.production:
            self.lift()
        with closing(pinned(server.dsn(), DATABASE)) as session, session.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()


@pytest.fixture(scope="session")
def servers(server_factory):
    return server_factory(), server_factory()


@pytest.fixture
def portal(tmp_path, servers):
    """Return the portal; neither server has its database yet."""
    for server in servers:
        server.rows(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    return Portal(*servers, tmp_path)
