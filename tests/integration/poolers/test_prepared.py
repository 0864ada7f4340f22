"""Prepared statements over a held moment, with the PgBouncer at hand (1.18: it does not know them)."""

from __future__ import annotations

from contextlib import closing

import psycopg2
import pytest

from plugins.module_utils.reingest.poolers.hold import WayOut, hold, resume

from .conftest import QUICK, WEB, poolers


def held_once(at):
    hold(poolers(at.raw()), QUICK, WayOut())
    resume(poolers(at.raw()), QUICK.answer)


def test_one_that_ends_with_its_transaction_is_not_touched(bouncer):
    at = bouncer()
    with closing(at.connect(WEB)) as client, client.cursor() as cursor:
        for _ in range(2):
            cursor.execute("BEGIN; PREPARE one AS SELECT 1; EXECUTE one; DEALLOCATE one; COMMIT")
            held_once(at)


def test_one_that_outlives_its_transaction_is_gone_with_the_session_of_the_server(bouncer):
    at = bouncer()
    with closing(at.connect(WEB)) as client, client.cursor() as cursor:
        cursor.execute("PREPARE one AS SELECT 1")
        cursor.execute(
            "EXECUTE one"
        )  # the pool is of one client, so it finds its session of the server again
        held_once(at)
        with pytest.raises(psycopg2.errors.InvalidSqlStatementName, match="one"):
            cursor.execute("EXECUTE one")
        cursor.execute("SELECT 1")  # the client's connection is as good as before
