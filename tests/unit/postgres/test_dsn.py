import socket

import pytest
from psycopg2.extensions import parse_dsn
from unit.poolers.hostile_pooler import listening

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.postgres.dsn import (
    Unreachable,
    address,
    connect,
    said_by_server,
    shown,
    with_database,
)


@pytest.mark.parametrize(
    ("dsn", "expected"),
    [
        ("postgresql://portal:s3cret@db:5433/nmdc", "postgresql://portal:***@db:5433/nmdc"),
        ("postgres://portal:a@b:c@db/nmdc", "postgres://portal:***@db/nmdc"),
        ("postgresql://portal@db/nmdc", "postgresql://portal@db/nmdc"),
        (
            "postgresql://portal@db/nmdc?password=s3cret&sslmode=require",
            "postgresql://portal@db/nmdc?password=***&sslmode=require",
        ),
        ("host=db password=s3cret user=portal", "host=db password=*** user=portal"),
        (r"host=db password = 's3 cr\'et' user=portal", "host=db password = *** user=portal"),
        ("host=db sslpassword=s3cret", "host=db sslpassword=***"),
        ("host=db passfile=/etc/pgpass", "host=db passfile=/etc/pgpass"),
    ],
)
def test_passwords_are_masked_and_the_rest_is_kept(dsn, expected):
    assert shown(dsn) == expected


@pytest.mark.parametrize(
    "dsn",
    ["postgresql://u:p@db:5433/one?sslmode=disable", "host=db port=5433 user=u password=p sslmode=disable"],
)
def test_another_database_of_the_same_server(dsn):
    parts = parse_dsn(with_database(dsn, "two words"))
    assert parts.pop("dbname") == "two words"
    assert parts == {"host": "db", "port": "5433", "user": "u", "password": "p", "sslmode": "disable"}


def test_the_address_has_the_default_port():
    assert address("postgresql://db/nmdc") == "db:5432"


def test_a_string_that_libpq_cannot_read_is_refused_without_repeating_it():
    with pytest.raises(Refusal, match="not one that libpq reads") as caught:
        connect("s3cret nonsense")
    assert "s3cret" not in str(caught.value)


def test_a_server_that_does_not_answer_is_unreachable():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Unreachable, match=f"no PostgreSQL answers at 127.0.0.1:{port}") as caught:
        connect(f"postgresql://portal:s3cret@127.0.0.1:{port}/nmdc")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (
            'connection to server at "db" (10.0.0.1), port 5432 failed: FATAL:  password authentication '
            "failed for "
            'user "nmdc"\npassword retrieved from file "/etc/pgpass"\n',
            'FATAL:  password authentication failed for user "nmdc" (password retrieved from file '
            '"/etc/pgpass")',
        ),
        (
            'connection to server at "db" (::1), port 5432 failed: Connection refused\n\tIs the server '
            "running?\n"
            'connection to server at "db" (127.0.0.1), port 5432 failed: FATAL:  database "x" does not '
            "exist\n"
            "DETAIL:  It seems to have just been dropped.\n",
            'FATAL:  database "x" does not exist',
        ),
        ("could not translate host name\n", "could not translate host name"),
    ],
)
def test_the_servers_own_sentence_is_told_wherever_it_stands(told, said):
    assert said_by_server(told).endswith(said)
    assert "refused" not in said_by_server(told)


@pytest.mark.attack
def test_a_server_that_ends_the_session_at_once_does_not_answer():
    with listening() as server:
        server.answers["SHOW search_path"] = lambda client: client.shutdown(socket.SHUT_RDWR)
        with pytest.raises(Unreachable, match="ended the session"):
            connect(f"host=127.0.0.1 port={server.port} user=me sslmode=disable")
