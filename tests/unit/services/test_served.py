"""The backend's connection string as this host uses it."""

from __future__ import annotations

import pytest
from psycopg2.extensions import parse_dsn

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.services.served import Backend, backend_login

DSN = "postgresql://portal:geheim%2F1@db.inside:6543/nmdc?sslmode=prefer"


def parts(backend, **environment):
    return parse_dsn(backend_login(backend, environment).dsn)


def test_the_string_is_taken_as_it_is():
    assert parts(Backend(DSN)) == parse_dsn(DSN)
    assert backend_login(Backend(DSN), {}).did("s1") == ["prove that the backend's own login reads s1"]


def test_the_string_of_a_variable_is_taken_and_one_that_is_not_there_is_named():
    assert parts(Backend(dsn_env="PORTAL_DSN"), PORTAL_DSN=DSN) == parse_dsn(DSN)
    with pytest.raises(Refusal, match="no variable PORTAL_DSN"):
        backend_login(Backend(dsn_env="PORTAL_DSN"), {})


def test_two_strings_are_refused():
    with pytest.raises(Refusal, match="leave out one of them"):
        backend_login(Backend(DSN, "PORTAL_DSN"), {"PORTAL_DSN": DSN})


@pytest.mark.parametrize("scheme", ["postgresql+psycopg2", "postgres+asyncpg", "postgresql"])
def test_the_driver_of_sqlalchemy_is_no_part_of_the_login(scheme):
    assert parts(Backend(DSN.replace("postgresql", scheme))) == parse_dsn(DSN)


def test_another_host_and_port_are_told_with_what_is_not_tried():
    login = backend_login(Backend(DSN, host="127.0.0.1", port="25432"), {})
    assert parse_dsn(login.dsn) == {**parse_dsn(DSN), "host": "127.0.0.1", "port": "25432"}
    assert login.did("s1")[1] == (
        "log in at 127.0.0.1:25432, not where the backend does: the client's own line of pg_hba.conf is not "
        "tried"
    )
    assert "geheim" not in str(login.did("s1"))


def test_another_host_replaces_all_that_the_string_says_of_hosts():
    several = "host=a,b hostaddr=10.0.0.1,10.0.0.2 port=1,2 dbname=nmdc"
    assert parts(Backend(several, host="127.0.0.1")) == {"host": "127.0.0.1", "port": "1", "dbname": "nmdc"}


def test_the_host_that_the_string_names_is_no_replacement():
    assert backend_login(Backend(DSN, host="db.inside", port="6543"), {}).elsewhere == ""


def test_a_login_from_a_host_without_a_backend_is_told_too():
    told = backend_login(Backend(DSN, beside=False), {}).did("s1")
    assert told[1].startswith("log in from a host without a backend: the client's own line of pg_hba.conf")


def test_a_malformed_string_is_refused_without_showing_it():
    with pytest.raises(Refusal, match="not one that libpq reads") as told:
        backend_login(Backend("postgresql://u:geheim@h/db?nonsense=1"), {})
    assert "geheim" not in str(told.value)
