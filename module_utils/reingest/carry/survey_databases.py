"""What carrying other databases whole would take, and why it could not be done: before the window."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing

from ..dataset.owners import MAINTENANCE
from ..errors import Refusal
from ..postgres.archives import programs_of
from ..postgres.dsn import Connection
from ..postgres.session import pinned
from .fence import is_fenced, refuse_prepared

_SIZE = "SELECT pg_database_size(%s)"
_EXTENSIONS = "SELECT extname::text FROM pg_extension"
_LACKED = """
SELECT name FROM unnest(%s::text[]) AS name
WHERE name NOT IN (SELECT a.name::text FROM pg_available_extensions a) ORDER BY 1
"""


def survey_databases(
    control: Connection, login: str, names: Collection[str], *, serves: Connection | None, strict: bool
) -> dict[str, int]:
    """Return the databases that would be carried, each with its bytes.

    Args:
        control: the session to production's server.
        login: its connection string.
        names: the databases that the dataset gives to the portal.
        serves: a session to the server that is to serve, where it runs.
        strict: refuse a database that is not there, or that lets nobody in; else it is passed over.

    Raises:
        Refusal: they could not be carried, with every reason.
    """
    refuse_own(names)
    faults, found = [], {}
    for name in sorted(names):
        if is_fenced(control, name) is not False:
            faults += [_why_not(control, name)] if strict else []
            continue
        refuse_prepared(control, name)
        with control.cursor() as cursor:
            cursor.execute(_SIZE, (name,))
            found[name] = int(cursor.fetchone()[0])
        lacked = _lacked(login, name, serves) if serves is not None else []
        if lacked:
            faults.append(
                f"database {name} has an extension that the staging server lacks ({', '.join(lacked)}): "
                "install it there"
            )
    if faults:
        raise Refusal("; ".join(faults))
    if found:
        programs_of(control)
    return found


def refuse_own(names: Collection[str]) -> None:
    """Refuse PostgreSQL's own databases; the dataset's reader does, too, but others name databases as well.

    Raises:
        Refusal: one is among them.
    """
    own = [name for name in names if name in MAINTENANCE]
    if own:
        raise Refusal(f"database {', '.join(own)} is PostgreSQL's own, which no switch carries")


def refuse_later(load: Collection[str], dataset: Collection[str]) -> None:
    """Refuse a load that knows nothing of a database which the dataset gives to the portal.

    Raises:
        Refusal: with all of them.
    """
    later = sorted(set(dataset) - set(load))
    if later:
        raise Refusal(
            f"the load was made before the dataset gave database {', '.join(later)} to the portal, and would "
            "be promoted without it: run load.yml"
        )


def _why_not(control: Connection, name: str) -> str:
    if is_fenced(control, name) is None:
        return (
            f"production has no database {name}, which the dataset gives to the portal: take it out of "
            "`databases:` and load again, or create it"
        )
    return (
        f"database {name} of production lets nobody in (datallowconn), so it cannot be carried: open it, or "
        "declare it `ignore` and load again"
    )


def _lacked(login: str, name: str, serves: Connection) -> list[str]:
    with closing(pinned(login, name, autocommit=True)) as session, session.cursor() as cursor:
        cursor.execute(_EXTENSIONS)
        extensions = [extension for (extension,) in cursor.fetchall()]
    with serves.cursor() as cursor:
        cursor.execute(_LACKED, (extensions,))
        return [extension for (extension,) in cursor.fetchall()]
