"""What the modules that load have in common: from a call to a request, and from a plan to an outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from .reingest.load.request import LoadRequest, Servers
from .reingest.postgres.dsn import address
from .reingest.runs.ending import end_others
from .runner import Call, Outcome


class Plan(Protocol):
    """What both plans of a load can say."""

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
