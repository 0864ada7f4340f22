"""What the modules that load have in common: from a call to a request, and from a plan to an outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from .reingest.dataset.model import Dataset
from .reingest.errors import ListedRefusal
from .reingest.frame.bring import BothRoles, account_findings, bring_roles, read_both
from .reingest.frame.cluster import cluster_findings
from .reingest.frame.finding import Finding
from .reingest.frame.outside import shared_archive
from .reingest.inventory.by_dump import look_for_programs
from .reingest.load.both_servers import KEEP_LIVE, KEEP_STAGED
from .reingest.load.request import LoadRequest, Servers
from .reingest.load.server import inspect_production
from .reingest.postgres.dsn import Unreachable, address
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
        staging_given_up=call["staging_given_up"],
        production_required=not call["first"],
    )
    asked = {name: call[name] for name in ("release", "sources", "snapshot", "force")}
    asked["roots"] = tuple(map(Path, call["roots"]))
    dataset, known = Path(call["dataset"]), call["planned"]
    return LoadRequest(dataset, servers, known=known, ended=ended, run=call.run, dry=call.dry_run, **asked)


class Frame:
    """What of production's cluster is around its database: refused, or brought into the staging server.

    ``did``, ``told`` (what is said without being done) and ``warnings`` are for the outcome.
    """

    def __init__(self, call: Call, plan: Plan) -> None:
        """Look at production's cluster; where a promotion replaces none, there is nothing to do.

        Raises:
            Refusal: with all that a promotion would lose or break, and that was not accepted.
        """
        self.did: list[str] = []
        self.told: list[str] = []
        self.warnings: list[str] = []
        self._dsns = call["production_dsn"], call["staging_dsn"]
        self._brings = False
        dataset = plan.dataset
        if plan.action == KEEP_LIVE or not _has_production(call, dataset.database):
            return
        found = cluster_findings(self._dsns[0], dataset.database, dataset.databases, str(dataset.file))
        missing, self.told = look_for_programs(self._dsns[0], dataset.objects)
        found = (*found, *missing)
        both = self._both_roles(call)
        if isinstance(both, Finding):
            found = (*found, both)
        elif both is not None:
            self._brings = True
            found = (*found, *account_findings(both))
        if both is not None:  # the staging server answers
            found = (*found, *shared_archive(*self._dsns))
        verdict = judge(
            found,
            call["accept"],
            hook=call["after_promote"],
            what="production's cluster cannot be replaced as it is",
            whole=False,
        )
        if verdict.refusal:
            raise ListedRefusal(verdict.refusal)
        self.warnings += verdict.warnings
        if call.dry_run and both is not None and not isinstance(both, Finding):
            # In the order of the run: what is done before the load, then the rest.
            before = [] if plan.action == KEEP_STAGED else both.changes(last=False)
            said = dict.fromkeys(change.says for change in (*before, *both.changes(last=True)))
            self.did += said
        elif plan.action == KEEP_STAGED:
            self.bring(last=True)  # nothing else of this run does it

    def bring(self, *, last: bool) -> None:
        """Bring production's roles into the staging server, see ``bring_roles``."""
        if not self._brings:
            return
        brought = bring_roles(*self._dsns, last=last)
        self.did += brought.did
        self.warnings += [f"production's roles are not brought over whole: {one}" for one in brought.failed]

    def _both_roles(self, call: Call) -> BothRoles | Finding | None:
        """Return both servers' roles; None in a dry run whose staging server does not run yet."""
        try:
            return read_both(*self._dsns)
        except Unreachable:
            if call.dry_run:
                return None
            raise


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
    frame: Frame,
    warnings: Sequence[str] = (),
    compared: Sequence[str] = (),
) -> Outcome:
    """Return the outcome; the plan of a load that follows is a step only where it ended another one.

    ``compared`` is what another reader said, a sentence each.
    """
    did = [f"end the load of run {run}, which no run waits for" for run in request.ended]
    ended = bool(did)
    warnings = [*warnings, *frame.warnings]
    if plan.changed and call["plan_only"]:
        # A dry run has ended nothing: the load that follows says it again, then for good.
        told = ended and not call.dry_run
        values = {**values, "roles": []}
        did = [*did, *frame.told]
        return Outcome(ended, did, values, plan.diff(), warnings=warnings, planned=not told)
    detail = {**detail, "tables": values["tables"]}
    values = {**values, "roles": frame.did}
    diff = _with_roles(plan.diff(), frame.did)
    changed = plan.changed or ended or bool(frame.did)
    return Outcome(
        changed, [*did, *plan.did(), *compared, *frame.told, *frame.did], values, diff, detail, warnings
    )


def _with_roles(diff: Mapping[str, str], did: Sequence[str]) -> dict[str, str]:
    """Return a diff with what is done to roles; never with what it is done with, a password's hash."""
    return {**diff, "after": diff["after"] + "".join(f"roles: {sentence}\n" for sentence in did)}
