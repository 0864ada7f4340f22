"""Bring production's roles into the staging server, and say what is not as there afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import psycopg2

from ..errors import Refusal
from ..postgres.dsn import Cursor, address, connect, with_database
from .finding import Finding
from .role_changes import PASSWORD, Change, account_faults, plan_roles
from .roles import EVERYBODY, Roles, read_roles, role_names

ROLES, ROLE = "roles", "role"

# A statement may hold the hash of a password: it is in no log, and no other session sees it.
_QUIET = """
SET log_statement = none; SET log_min_error_statement = panic; SET log_duration = off;
SET log_min_duration_statement = -1; SET log_min_duration_sample = -1; SET log_transaction_sample_rate = 0;
SET track_activities = off; SET pg_stat_statements.track = none; SET pgaudit.log = none
"""
_TIMEOUTS = "SET statement_timeout = 0; SET default_transaction_read_only = off; SET search_path = pg_catalog"


@dataclass(frozen=True)
class BothRoles:
    """The roles of both servers, read at the same time."""

    production: Roles
    staging: Roles

    def changes(self, *, last: bool) -> tuple[Change, ...]:
        """Return what is to be done, see ``plan_roles``."""
        return plan_roles(self.production, self.staging, last=last)


@dataclass(frozen=True)
class Brought:
    """What was done, a sentence each, and what PostgreSQL refused, with its reason."""

    did: tuple[str, ...]
    failed: tuple[str, ...]


def read_both(production_dsn: str, staging_dsn: str) -> BothRoles | Finding:
    """Return both servers' roles, or the finding that says why they cannot be brought over.

    Raises:
        Refusal: a server does not answer.
    """
    production = read_roles(production_dsn)
    if production is None:
        return _unreadable(
            f"production ({address(production_dsn)})",
            "let the login of reingest_production_dsn read pg_authid (GRANT SELECT ON pg_authid TO ... in "
            "database postgres), or give it a superuser",
        )
    staging = read_roles(staging_dsn)
    if staging is None or not staging.superuser:
        return _unreadable(
            f"the staging server ({address(staging_dsn)})", "give reingest_staging_dsn a superuser"
        )
    return BothRoles(production, staging)


def bring_roles(production_dsn: str, staging_dsn: str, *, last: bool) -> Brought:
    """Make the staging server's roles those of production, as far as the load lets it.

    Each statement stands for itself: one that PostgreSQL refuses keeps no other from being done, and what a
    run that is killed in between leaves is what the next one plans on from.

    Args:
        production_dsn: a login that may read password hashes.
        staging_dsn: the login that loads, a superuser.
        last: the load is over, see ``plan_roles``.

    Raises:
        Refusal: a server does not answer, or may no longer be read.
    """
    both = read_both(production_dsn, staging_dsn)
    if isinstance(both, Finding):
        raise Refusal(f"{both.message}; {both.remedy}")
    changes = both.changes(last=last)
    return apply_changes(staging_dsn, changes)


def apply_changes(dsn: str, changes: Sequence[Change]) -> Brought:
    """Make changes in a server, each by itself.

    Raises:
        Refusal: it does not answer, or went away.
    """
    if not changes:
        return Brought((), ())
    did, failed = [], []
    with (
        closing(connect(with_database(dsn, "postgres"), autocommit=True)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(_QUIET)
        cursor.execute(_TIMEOUTS)
        for change in changes:
            reason = _refused(cursor, change)
            if connection.closed:
                raise Refusal(f"{address(dsn)} went away while its roles were made: run again")
            if reason:
                failed.append(f"{change.says}: {reason}")
            else:
                did.append(change.says)
    return Brought(tuple(did), tuple(failed))


def account_findings(both: BothRoles) -> tuple[Finding, ...]:
    """Return the finding of the account that loads, where it cannot become what it is in production."""
    faults, account = account_faults(both.production, both.staging), both.staging.account
    if not faults:
        return ()
    return (
        Finding(
            f"{ROLE}:{account}",
            f"the account that loads, {account}, differs from production's in its {' and '.join(faults)}, "
            "and after a promotion it would be as in the staging server",
            "make it in the staging server (and in reingest_staging_dsn) what it is in production, or load "
            "with an account that production has not",
        ),
    )


def role_findings(production_dsn: str, staging_dsn: str) -> tuple[Finding, ...]:
    """Return what of production's roles the staging server lacks; names only, where no more can be read.

    Raises:
        Refusal: a server does not answer.
    """
    both = read_both(production_dsn, staging_dsn)
    if isinstance(both, Finding):
        missing = sorted(role_names(production_dsn) - role_names(staging_dsn))
        return (both, *(_finding(name, ("the role itself",)) for name in missing))
    parts: dict[str, list[str]] = {}
    for change in both.changes(last=True):
        if not _is_same_password(change, both.staging):
            parts.setdefault(change.role, []).append(change.part)
    account = account_findings(both)
    named = {finding.name for finding in account}
    others = (_finding(name, found) for name, found in sorted(parts.items()))
    return (*account, *(one for one in others if one.name not in named))


def _is_same_password(change: Change, staging: Roles) -> bool:
    """Return whether the two hashes are of one password: it got the login in, and it would with the other."""
    return change.role == staging.account and change.part == PASSWORD and staging.secret is not None


def _finding(name: str, parts: Sequence[str]) -> Finding:
    whose = "settings of all roles are" if name == EVERYBODY else f"role {name} is"
    return Finding(
        f"{ROLE}:{name or 'ALL'}",
        f"production's {whose} not so in the staging server, and a promotion replaces all roles "
        f"({', '.join(parts)})",
        "run load.yml, which keeps the rows and brings the roles over; where that is refused, make it so in "
        "the staging server",
    )


def _unreadable(where: str, remedy: str) -> Finding:
    return Finding(
        ROLES,
        f"production's roles and their passwords cannot be brought over, since the login to {where} may not "
        "do that: a promotion replaces all roles",
        remedy,
    )


def _refused(cursor: Cursor, change: Change) -> str:
    """Make a change; return why PostgreSQL refused it, empty when it did not."""
    try:
        cursor.execute(change.statement)
    except psycopg2.Error as error:
        # Only the first line of what PostgreSQL says: others may repeat the statement.
        return error.diag.message_primary or "PostgreSQL refused it"
    return ""
