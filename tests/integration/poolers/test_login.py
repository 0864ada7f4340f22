"""The login before clients go on: by the backend's own user and database, at the server itself."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import pytest
from psycopg2.extensions import parse_dsn

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.poolers.hold import WayOut, hold, resume
from plugins.module_utils.reingest.poolers.login import direct, wait_for_login

from .conftest import QUICK, WEB, WEB_PASSWORD, poolers


def test_the_string_of_a_client_of_the_pooler_leads_to_the_server_itself(production):
    client = f"postgresql://{WEB}:{WEB_PASSWORD}@pooler.example:6432/portal_by_pooler?sslmode=prefer"
    made = parse_dsn(direct(client, production.dsn(), "portal"))
    assert made == {
        "user": WEB,
        "password": WEB_PASSWORD,
        "host": "127.0.0.1",
        "port": str(production.port),
        "dbname": "portal",
        "sslmode": "prefer",
    }
    assert parse_dsn(direct("", production.dsn(), "portal"))["user"] == "postgres"


def test_it_waits_for_a_server_that_starts_and_for_a_fence_that_is_lifted(production):
    dsn = direct(f"postgresql://{WEB}:{WEB_PASSWORD}@x/y", production.dsn(), "portal")
    production.rows("ALTER DATABASE portal ALLOW_CONNECTIONS false")
    production.stop()

    def serve():
        production.start()
        production.rows("ALTER DATABASE portal ALLOW_CONNECTIONS true")

    later = threading.Timer(0.3, serve)
    later.start()
    wait_for_login(dsn, timeout=20)
    later.join()


def test_a_login_that_waiting_does_not_help_is_refused_at_once(production):
    dsn = direct(f"postgresql://{WEB}:wrong@x/y", production.dsn(), "portal")
    began = time.monotonic()
    with pytest.raises(Refusal, match=r"login as user web .* is refused"):
        wait_for_login(dsn, timeout=20)
    assert time.monotonic() - began < 5


def test_clients_that_go_on_too_early_wait_for_the_retry_and_those_that_do_not_are_served_at_once(
    production, bouncer
):
    at = bouncer(server_login_retry=3)
    dsn = direct(at.dsn(WEB), production.dsn(), "portal")
    waited = {}
    for name in ("early", "in order"):
        with closing(at.connect(WEB)) as client, client.cursor() as cursor:
            cursor.execute("SELECT 1")
            hold(poolers(at.raw()), QUICK, WayOut())
            production.stop()
            if name == "early":
                resume(poolers(at.raw()), QUICK.answer)
            asked = threading.Thread(target=cursor.execute, args=("SELECT 1",))
            asked.start()
            if name == "early":  # the pooler finds the server closed
                time.sleep(0.1)
            production.start()
            wait_for_login(dsn, timeout=10)
            served = time.monotonic()
            resume(poolers(at.raw()), QUICK.answer)
            asked.join()
            waited[name] = time.monotonic() - served
    assert waited["early"] > 1.5 > waited["in order"] * 3, waited
