"""What at a real PgBouncer would turn a held moment into an outage is found before: each fault by itself."""

from __future__ import annotations

from contextlib import closing

import pytest
from bouncer import LOOKS

from plugins.module_utils.reingest.poolers.faults import Needs, faults

from .conftest import WEB, poolers

NEEDS = Needs(window=30)
ANSWER = 3


def texts(found, name=""):
    return [fault.text for fault in found if fault.name == name]


def test_a_pooler_that_is_set_for_it_has_no_fault_also_while_clients_work(bouncer):
    at = bouncer()
    with closing(at.connect(WEB)) as client, client.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert faults(poolers(at.raw()), NEEDS, seconds=ANSWER) == []
    assert not at.paused()


def test_what_debian_installs_has_the_time_that_turns_one_second_into_fifteen(production, bouncer):
    at = bouncer({"portal": f"host=db.invalid port={production.port}"})
    for name in ("server_login_retry", "dns_nxdomain_ttl", "dns_max_ttl"):
        del at.settings[name]
    at.restart()
    found = {fault.name: fault.text for fault in faults(poolers(at.raw()), NEEDS, seconds=ANSWER)}
    assert set(found) == {"hold:server_login_retry", "hold:dns_nxdomain_ttl", "hold:dns_max_ttl"}
    assert all("15 s" in text and f"127.0.0.1:{at.port}" in text for text in found.values())
    assert "set dns_nxdomain_ttl = 1 and reload" in found["hold:dns_nxdomain_ttl"]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "/run/postgresql"])
def test_how_long_names_are_remembered_does_not_matter_where_none_is_asked_for(bouncer, host):
    at = bouncer({"portal": f"host={host}"}, dns_nxdomain_ttl=15, dns_max_ttl=15)
    assert faults(poolers(at.raw()), NEEDS, seconds=ANSWER) == []


@pytest.mark.parametrize("setting", ["query_wait_timeout", "query_timeout", "client_login_timeout"])
def test_clients_that_would_be_sent_away_before_the_switch_can_end(bouncer, setting):
    at = bouncer(**{setting: 29})
    (text,) = texts(faults(poolers(at.raw()), NEEDS, seconds=ANSWER))
    assert f"wait 29 s ({setting})" in text
    assert f"set {setting} = 30" in text
    at.configure(**{setting: 30})
    assert faults(poolers(at.raw()), NEEDS, seconds=ANSWER) == []
    at.configure(**{setting: 0})  # for ever
    assert faults(poolers(at.raw()), NEEDS, seconds=ANSWER) == []


@pytest.mark.parametrize("where", ["pooler", "database"])
def test_session_pooling_unless_those_who_stay_are_ended(production, bouncer, where):
    line = f"host=127.0.0.1 port={production.port}"
    of_database = where == "database"
    at = bouncer(
        {"portal": f"{line} pool_mode=session" if of_database else line},
        pool_mode="transaction" if of_database else "session",
    )
    (text,) = texts(faults(poolers(at.raw()), NEEDS, seconds=ANSWER))
    assert "pools sessions" in text
    assert "reingest_hold_blocked: end" in text
    assert faults(poolers(at.raw()), Needs(30, ends=True), seconds=ANSWER) == []


def test_session_pooling_of_one_user(bouncer):
    at = bouncer()
    at.settings["[users]\nweb"] = "pool_mode=session"  # a section of its own, at the end
    at.restart()
    with closing(at.connect(WEB)):  # only its pool tells
        (text,) = texts(faults(poolers(at.raw()), NEEDS, seconds=ANSWER))
    assert "pools sessions" in text


def test_one_that_is_not_there_and_one_that_hangs_are_told_together(bouncer):
    away, hangs = bouncer(), bouncer()
    away.stop()
    hangs.hang()
    found = texts(faults(poolers(away.raw(), hangs.raw()), NEEDS, seconds=1))
    assert len(found) == 2
    assert f"no pooler answers at 127.0.0.1:{away.port}" in found[0]
    assert f"127.0.0.1:{hangs.port} does not answer within 1 s" in found[1]


def test_users_that_may_not_hold(bouncer):
    at = bouncer()
    (text,) = texts(faults(poolers(at.raw(user=LOOKS)), NEEDS, seconds=ANSWER))
    assert "refuses RESUME" in text
    assert "admin_users" in text
    (text,) = texts(faults(poolers(at.raw(user="nobody")), NEEDS, seconds=ANSWER))
    assert "as nobody" in text
    assert "password file" in text
    at.passfile.write_text(f"127.0.0.1:{at.port}:*:*:wrong\n")
    (text,) = texts(faults(poolers(at.raw()), NEEDS, seconds=ANSWER))
    assert "as admin" in text
    assert "password file" in text


def test_a_user_of_the_portal_is_no_admin(bouncer):
    at = bouncer()
    at.passfile.write_text(f"127.0.0.1:{at.port}:*:{WEB}:{at.users[WEB]}\n")
    (text,) = texts(faults(poolers(at.raw(user=WEB)), NEEDS, seconds=ANSWER))
    assert f"as {WEB}" in text
    assert "admin_users" in text


def test_a_database_that_is_not_in_its_configuration(bouncer):
    at = bouncer()
    (text,) = texts(faults(poolers(at.raw("portall")), NEEDS, seconds=ANSWER))
    assert "has no database portall in its configuration" in text


def test_clients_that_somebody_else_holds_and_a_disabled_database(bouncer):
    at = bouncer()
    at.console("PAUSE portal")
    (text,) = texts(faults(poolers(at.raw()), NEEDS, seconds=ANSWER))
    assert "is paused already" in text
    assert at.paused()
    at.console("RESUME portal")
    at.console("DISABLE portal")
    (text,) = texts(faults(poolers(at.raw()), NEEDS, seconds=ANSWER))
    assert "is disabled" in text


def test_a_second_way_to_the_same_database_is_held_too_or_refused(production, bouncer):
    line = f"host=127.0.0.1 port={production.port} dbname=portal"
    at = bouncer({"portal": line, "reports": line, "other": line.replace("=portal", "=postgres")})
    (text,) = texts(faults(poolers(at.raw()), NEEDS, seconds=ANSWER))
    assert "by reports, too" in text
    assert faults(poolers(at.raw(), at.raw("reports")), NEEDS, seconds=ANSWER) == []
