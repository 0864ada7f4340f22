"""What modules that stop and start services have in common: from a call to services that are in a state."""

from __future__ import annotations

from typing import Any

from .reingest.engines.model import service_from
from .reingest.engines.registry import engine_of
from .reingest.runs.steps import Predicted
from .reingest.services.group import KILLED, GroupPlan, apply_group, plan_group
from .runner import Call, Outcome

_BECOME = {"started": "started", "restarted": "started", "stopped": "stopped"}


def bring(call: Call, state: str) -> tuple[GroupPlan, dict[str, Any]]:
    """Bring the services of a call into a state, in check mode only plan it.

    Returns:
        What was planned, and for the report how long each service took (``took``).
    """
    engine = engine_of(call["engine"], call.records)
    services = [service_from(raw) for raw in call["services"]]
    begun = dict.fromkeys(call.params.get("begun") or (), "stopped")  # to start
    plan = plan_group(engine, services, state, assume={**call.predicted.services, **begun})
    if not call.check:
        limits = {name: call[name] for name in ("stop_timeout", "start_timeout", "exclusive")}
        took = apply_group(engine, plan, **limits)
        return plan, {"took": took} if took else {}
    return plan, {}


def brought(call: Call) -> Outcome:
    """Bring the services of a call into its state, and say what was done."""
    plan, detail = bring(call, call["state"])
    become = _BECOME.get(call["state"])
    did = [*plan.did(), *_answer_again(call)]
    return Outcome(
        plan.changed,
        did,
        values={"acted": [service.name for service in plan.act], "running": list(plan.running)},
        diff=plan.diff(),
        detail=detail,
        warnings=[
            f"{name} did not end by its stop signal within {seconds:.0f} s, and was killed"
            for name, seconds in detail.get("took", {}).get(KILLED, {}).items()
        ],
        predicts=Predicted({service.name: become for service in plan.services} if become else {}),
    )


def _answer_again(call: Call) -> list[str]:
    """Take the maintenance answer away, where the call says how: the services are up."""
    command = call.params.get("maintenance_off")
    if not command:
        return []
    if call.check:
        return [f"run {command[0]} (reingest_maintenance_off)"]
    from .reingest.services.announce import run_declared

    return [run_declared(command, "reingest_maintenance_off")]
