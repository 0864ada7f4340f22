"""What breaks without a word when a cluster with another system identifier takes production's place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing

from ..disclosure.printable import printable
from ..postgres.dsn import Cursor, connect, with_database
from .finding import Finding

PREPARED, STANDBY, SLOT, SUBSCRIPTION = "prepared", "standby", "slot", "subscription"
ARCHIVING, SYNCHRONOUS = "archiving", "synchronous_standby_names"
STAGING_ARCHIVE = "staging_archive"

# A base backup ends by itself; where the login may not see the state, it is taken for a standby.
_STANDBYS = """
SELECT coalesce(nullif(application_name, ''), 'of no name'),
    coalesce(host(client_addr), 'a local socket'), usename
FROM pg_stat_replication WHERE state IS DISTINCT FROM 'backup' ORDER BY 1, 2
"""
_SLOTS = """
SELECT slot_name::text, slot_type, coalesce(database::text, ''), active
FROM pg_replication_slots WHERE NOT temporary ORDER BY 1
"""
_SUBSCRIPTIONS = """
SELECT d.datname::text, s.subname::text, s.subenabled
FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid ORDER BY 1, 2
"""
_SETTINGS = """
SELECT name, setting FROM pg_settings
WHERE name IN ('archive_mode', 'archive_command', 'archive_library', 'synchronous_standby_names')
"""
_PREPARED = """
SELECT gid, owner::text, database::text, to_char(prepared, 'YYYY-MM-DD HH24:MI:SS TZ'),
    date_trunc('second', now() - prepared)::text
FROM pg_prepared_xacts ORDER BY prepared, gid
"""


def outside_findings(dsn: str) -> tuple[Finding, ...]:
    """Return what a switch would break outside of the server, or lose inside of it, in no table.

    Args:
        dsn: a login to production.

    Raises:
        Refusal: it does not answer.
    """
    with (
        closing(connect(with_database(dsn, "postgres"), autocommit=True)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SET search_path = pg_catalog")
        parts = (_prepared, _standbys, _slots, _subscriptions, _settings)
        return tuple(finding for part in parts for finding in part(cursor))


def shared_archive(production_dsn: str, staging_dsn: str) -> tuple[Finding, ...]:
    """Return whether the staging server archives its WAL where production does.

    Raises:
        Refusal: one of them does not answer.
    """
    ways = []
    for dsn in (production_dsn, staging_dsn):
        with (
            closing(connect(with_database(dsn, "postgres"), autocommit=True)) as connection,
            connection.cursor() as cursor,
        ):
            ways.append(_archive(_read_settings(cursor)))
    if not ways[0] or ways[0] != ways[1]:
        return ()
    return (
        Finding(
            STAGING_ARCHIVE,
            "the staging server archives its WAL as production does (the same archive_command or "
            "archive_library): the files of two clusters would be mixed in one archive, and production's "
            "could not be restored from it",
            "start the staging server with archive_mode = off: the switch gives the new server production's "
            "settings. Where the same command leads to another place there, accept it",
            state="; ".join(ways[1]),
        ),
    )


def _prepared(cursor: Cursor) -> Iterator[Finding]:
    cursor.execute(_PREPARED)
    found = cursor.fetchall()
    if found:
        said = "; ".join(
            f"{gid!r} of {owner} in database {database}, prepared {when}, {age} ago"
            for gid, owner, database, when, age in found
        )
        yield Finding(
            PREPARED,
            f"production holds prepared transactions, and what they changed would be lost: {said}",
            "have whoever prepared each one end it (COMMIT PREPARED or ROLLBACK PREPARED)",
            acceptable=False,
        )


def _standbys(cursor: Cursor) -> Iterator[Finding]:
    cursor.execute(_STANDBYS)
    found = cursor.fetchall()
    if found:
        said = ", ".join(f"{name} from {client} as {user}" for name, client, user in found)
        yield Finding(
            STANDBY,
            f"production sends its WAL to {said}; none can follow a cluster with another system identifier",
            "make the standbys anew from the new server (pg_basebackup) in the hook",
            hooked=True,
        )


def _slots(cursor: Cursor) -> Iterator[Finding]:
    cursor.execute(_SLOTS)
    for name, kind, database, active in cursor.fetchall():
        where = f" of database {database}" if database else ""
        yield Finding(
            f"{SLOT}:{name}",
            f"production has the {kind} replication slot {name}{where} "
            f"({'in use' if active else 'not in use'}), and the new server has no slot",
            "drop it if nobody needs it, or make it, and what follows it, anew in the hook",
            hooked=True,
            state=f"{kind} {database}",  # whether it is in use changes by itself
        )


def _subscriptions(cursor: Cursor) -> Iterator[Finding]:
    cursor.execute(_SUBSCRIPTIONS)
    for database, name, enabled in cursor.fetchall():
        yield Finding(
            f"{SUBSCRIPTION}:{database}.{name}",
            f"production's database {printable(database)} has the subscription {printable(name)} "
            f"({'enabled' if enabled else 'disabled'}), and the new server does not receive its changes",
            "drop it if nobody needs it, or make it anew in the hook",
            hooked=True,
        )


def _settings(cursor: Cursor) -> Iterator[Finding]:
    settings = _read_settings(cursor)
    archive = _archive(settings)
    if archive:
        # The command may hold a password: it is not shown.
        how = f"archive_library = {archive[0]}" if archive[0] else "an archive_command"
        yield Finding(
            ARCHIVING,
            f"production archives its WAL (archive_mode = {settings['archive_mode']}, {how}); the new server "
            "begins with names of WAL files that the archive has already, and a command as in the manual "
            "then archives nothing more",
            "give the archive a new folder, or stanza, and make a base backup in the hook",
            hooked=True,
        )
    names = settings["synchronous_standby_names"]
    if names.strip():
        yield Finding(
            SYNCHRONOUS,
            f"production waits at each commit for standbys (synchronous_standby_names = {names}), and none "
            "follows the new server: its commits would wait for ever",
            "take the setting out before, or make the standbys anew in the hook",
            hooked=True,
        )


def _read_settings(cursor: Cursor) -> dict[str, str]:
    cursor.execute(_SETTINGS)
    return dict(cursor.fetchall())


def _archive(settings: Mapping[str, str]) -> tuple[str, ...]:
    """Return library and command of a server that archives its WAL; nothing of another one."""
    library = settings.get("archive_library", "")  # of 15 and later
    command = settings["archive_command"]
    command = "" if library or command == "(disabled)" else command
    return (library, command) if settings["archive_mode"] != "off" and (library or command) else ()
