"""A login with the backend's own user and database, before its clients go on.

A pooler that finds its server closed remembers that for ``server_login_retry`` seconds: letting clients go on
one moment too early costs them all of these.
"""

from __future__ import annotations

import time
from contextlib import closing

from psycopg2.extensions import make_dsn, parse_dsn

from ..errors import Refusal
from ..postgres.dsn import Unreachable, connect, with_database

_POLL_S = 0.01
_CONNECT_S = 2
_PLACE = ("host", "hostaddr", "port", "dbname")
# Of a server that has only just been started, or a database whose fence is being lifted: it may let in yet.
_PASSING = ("not currently accepting connections", "starting up", "too many", "remaining connection slots")


def direct(client: str, server: str, database: str) -> str:
    """Return the connection string of a client of the pooler for the server itself.

    Args:
        client: the backend's own; empty where none is declared: then the server's login is tried.
        server: the server's, as this host reaches it.
        database: the database, as the server calls it.

    Raises:
        Refusal: libpq cannot read one of them.
    """
    with_database(server, database)
    if not client:
        return with_database(server, database)
    with_database(client, database)
    there = dict(parse_dsn(server))
    own = {key: value for key, value in parse_dsn(client).items() if key not in _PLACE}
    return str(make_dsn(**own, **{key: there[key] for key in _PLACE[:3] if key in there}, dbname=database))


def wait_for_login(dsn: str, *, timeout: float) -> None:
    """Wait until a login is accepted; 0 is one try.

    Raises:
        Refusal: it is not in time, or is refused for good.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            with closing(connect(dsn, timeout=_CONNECT_S, application_name="reingest hold")):
                return
        except Refusal as refusal:
            passing = isinstance(refusal, Unreachable) or any(text in str(refusal) for text in _PASSING)
            if not passing or time.monotonic() > deadline:
                raise
        time.sleep(_POLL_S)
