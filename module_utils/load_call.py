"""What the modules that load have in common: from a call to a request, and from a plan to an outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from .reingest.dataset.model import Dataset
from .reingest.errors import Refusal
from .reingest.frame.cluster import cluster_findings
from .reingest.load.both_servers import KEEP_LIVE
from .reingest.load.request import LoadRequest, Servers
from .reingest.load.server import inspect_production
from .reingest.postgres.dsn import address
from .reingest.runs.ending import end_others
from .reingest.verify.accept import judge
from .runner import Call, Outcome


class Plan(Protocol):
    """What both plans of a load can say."""

    @property
    def dataset(self) -> Dataset:
        """The dataset."""

    @property
    def action(self) -> str:
        """What is done: ``load``, ``keep_live`` or ``keep_staged``."""

    @property
    def changed(self) -> bool:
        """Whether there is something to load."""

    def did(self) -> list[str]:
        """Return what is done, one sentence each."""

    def diff(self) -> dict[str, str]:
        """Return what the staging server holds before and after."""


def request_of(call: Call) -> LoadRequest:
    """Return the request; what other runs still load there is ended before, in a dry run only named."""
    ended = end_others(call.work, call.run, address(call["staging_dsn"]), dry=call.dry_run)
    servers = Servers(
        call["staging_dsn"],
        call["production_dsn"],
        staging_required=not call.dry_run,
        production_required=not call["first"],
    )
    asked = {name: call[name] for name in ("release", "sources", "snapshot", "force")}
    asked["roots"] = tuple(map(Path, call["roots"]))
    return LoadRequest(Path(call["dataset"]), servers, known=call["planned"], ended=ended, **asked)


def refuse_cluster(call: Call, plan: Plan) -> tuple[str, ...]:
    """Refuse a load whose promotion would lose or break something of production's cluster.

    Returns:
        a warning for each finding that was accepted by name.

    Raises:
        Refusal: with all findings that were not accepted.
    """
    dataset = plan.dataset
    if plan.action == KEEP_LIVE or not _has_production(call, dataset.database):
        return ()
    findings = cluster_findings(
        call["production_dsn"], dataset.database, dataset.databases, str(dataset.file)
    )
    verdict = judge(
        findings,
        call["accept"],
        hook=call["after_promote"],
        what="production's cluster cannot be replaced as it is",
        whole=False,
    )
    if verdict.refusal:
        raise Refusal(verdict.refusal)
    return verdict.warnings


def _has_production(call: Call, database: str) -> bool:
    """Return whether there is a cluster that a promotion replaces."""
    dsn = call["production_dsn"]
    if not (dsn and call["first"]):
        return bool(dsn)
    production = inspect_production(dsn, database, required=False)
    return production is not None and production.has_database


def facts_of(call: Call) -> dict[str, str]:
    """Return what the state of the load says from its beginning."""
    asked = {name: call[name] for name in ("release", "snapshot")}
    return {**call.who, **asked, "staging": address(call["staging_dsn"])}


def outcome_of(
    call: Call,
    request: LoadRequest,
    plan: Plan,
    values: Mapping[str, Any],
    detail: Mapping[str, Any],
    warnings: Sequence[str] = (),
) -> Outcome:
    """Return the outcome; the plan of a load that follows is a step only where it ended another one."""
    did = [f"end the load of run {run}, which no run waits for" for run in request.ended]
    ended = bool(did)
    if plan.changed and call["plan_only"]:
        # A dry run has ended nothing: the load that follows says it again, then for good.
        told = ended and not call.dry_run
        return Outcome(ended, did, values, plan.diff(), warnings=warnings, planned=not told)
    detail = {**detail, "tables": values["tables"]}
    return Outcome(plan.changed or ended, [*did, *plan.did()], values, plan.diff(), detail, warnings)
