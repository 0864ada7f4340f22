"""The staging database made ready to be filled: anew, or with what an unfinished load has filled already."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from psycopg2 import sql

from ..errors import Refusal
from ..postgres.dsn import Connection, connect
from .constraints import SetAside, set_aside, take_off
from .plan import LoadPlan
from .provenance import begin_record, resume_record
from .rejects import RejectPolicy
from .resume import Resumption
from .script import refused, run_script
from .sequences import begin_sequences, resume_sequences
from .server import dataset_dsn, end_sessions, replace_database
from .state import UnresumableError, begin_state, read_state, resume_state


def reject_policy(plan: LoadPlan, folder: Path | None) -> RejectPolicy:
    """Return where the rejects of a load go, and its budget.

    Raises:
        Refusal: the dataset sets rows aside, and there is no folder.
    """
    for feed in plan.feeds:
        if folder is None and (feed.table.quarantines or feed.table.orphans == "quarantine"):
            raise Refusal(
                f"table {feed.table.name}: the dataset sets bad rows aside, and there is no folder for them: "
                "name the worker's own directory (work)"
            )
    return RejectPolicy(folder.absolute() if folder else None, plan.dataset.max_rejects)


def prepare_load(
    lock: Connection, staging_dsn: str, plan: LoadPlan, policy: RejectPolicy, *, run: str, operator: str
) -> SetAside:
    """Make the database ready, and return what is set aside until its tables are filled.

    Args:
        lock: the connection that holds the server for this load.
        staging_dsn: the login that it was planned with.
        plan: what ``plan_load`` returned.
        policy: where rejects go; what an earlier attempt of the run left there goes away.
        run: the run's id.
        operator: ORCID iD of who runs it.

    Raises:
        Refusal: PostgreSQL refuses the schema, or the unfinished load is not the one that was planned with.
    """
    dsn = dataset_dsn(staging_dsn, plan.dataset)
    if plan.resumed is not None:
        with refused("going on with the unfinished load"):
            end_sessions(lock, plan.dataset.database)
            return _resume(dsn, plan, plan.resumed, policy, run=run, operator=operator)
    policy.clear(())
    replace_database(lock, plan.dataset.database, plan.locale)
    return _begin(dsn, plan, run=run, operator=operator)


def _begin(dsn: str, plan: LoadPlan, *, run: str, operator: str) -> SetAside:
    with closing(connect(dsn)) as connection:
        run_script(connection, plan.dataset.schema, plan.schema, "the schema")
        connection.commit()
    with closing(
        connect(dsn)
    ) as connection:  # a new session: the schema may have changed settings of its own
        begin_record(
            connection,
            snapshot=plan.snapshot,
            release=plan.dataset.release,
            digest=plan.digest,
            run=run,
            operator=operator,
        )
        aside = set_aside(connection, {feed.table.name for feed in plan.feeds})
        begin_state(connection, plan.identity, aside)
        begin_sequences(connection)
        connection.commit()
    return aside


def _resume(
    dsn: str, plan: LoadPlan, resumed: Resumption, policy: RejectPolicy, *, run: str, operator: str
) -> SetAside:
    """Empty the tables that do not stay, without their references, keys and indexes."""
    kept, redone = resumed.tables, {feed.table.name for feed in plan.unfilled}
    # Orphans are taken out again of every table that declares it, and no reference may be in the way.
    loose = redone | {feed.table.name for feed in plan.feeds if feed.table.orphans != "fail"}
    with closing(connect(dsn)) as connection, connection.cursor() as cursor:
        _refuse_other_state(connection, plan, resumed)
        rejects = {name: policy.carry(name, table.rejects) for name, table in kept.items()}
        policy.clear(path for path in rejects.values() if path)
        references = [one for one in resumed.aside.references if one.table in loose or one.parent in loose]
        take_off(cursor, references)
        for feed in plan.unfilled:
            take_off(cursor, resumed.aside.of(feed.table.name))
        if plan.unfilled:
            tables = sql.SQL(", ").join(feed.shape.identifier for feed in plan.unfilled)
            cursor.execute(sql.SQL("TRUNCATE {}").format(tables))
        resume_state(connection, rejects)
        resume_sequences(connection, kept)
        resume_record(
            connection,
            snapshot=plan.snapshot,
            release=plan.dataset.release,
            digest=plan.digest,
            run=run,
            operator=operator,
        )
        connection.commit()
    return resumed.aside


def _refuse_other_state(connection: Connection, plan: LoadPlan, resumed: Resumption) -> None:
    try:
        state = read_state(connection, plan.identity)
        same = all(state.filled.get(name) == table for name, table in resumed.tables.items())
    except UnresumableError:
        same = False
    if not same:
        raise Refusal(
            f"the unfinished load of {plan.dataset.database} in the staging server is not what it was when "
            "this load was planned: run again"
        )
