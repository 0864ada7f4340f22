"""From a call of a module to a volume that is accepted, and on which nothing is left to adopt."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from .reingest.adoption.adopt import apply_adoption, plan_adoption
from .reingest.promotion.movable import refuse_mounts
from .reingest.volume.kind import Kind, kind_of, probe_exchange, refuse_kind
from .reingest.volume.ledger import survey_ledger
from .reingest.volume.signers import RECOVER
from .runner import Call, Outcome

# Documented by the fragment `dataportal.reingest.adoption`.
ADOPTION: dict[str, Any] = {
    "accepted": {"type": "str", "default": ""},
    "loads": {"type": "bool", "default": False},
    "copies": {"type": "bool", "default": False},
}
LOCK = "adopts what is on the volume"


def accept(call: Call) -> Kind:
    """Return the kind of the volume's file system, or refuse it."""
    if call["loads"]:
        refuse_mounts(call.volume, copies=call["copies"])
    kind = kind_of(call.volume, exchanges=None if call.check else probe_exchange(call.volume))
    refuse_kind(call.volume, kind, call["accepted"])
    return kind


def adopt(call: Call) -> Outcome:
    """Accept the volume's file system, and adopt what something else left on the volume."""
    kind = accept(call)
    damage = survey_ledger(call.volume)[1] if call["playbook"] == RECOVER else []
    if damage:  # nobody knows what is to be adopted, and the portal is brought back all the same
        told = {"kind": kind.name, "lost": list(kind.lost), "told": damage, "first": []}
        return Outcome(values=told, warnings=damage)
    plan = plan_adoption(call.volume, datetime.now(timezone.utc), exclusive=call["exclusive"])
    if plan.changed and not call.check:
        apply_adoption(call.volume, plan, **call.who, exclusive=call["exclusive"])
    lost = [f"accepted for {kind.shown()}: {one}" for one in kind.lost]
    return Outcome(
        plan.changed,
        plan.did(),
        values={"kind": kind.name, "lost": list(kind.lost), "told": plan.told(), "first": plan.first()},
        diff=plan.diff(),
        detail={"kind": kind.name, "lost": list(kind.lost)} if kind.lost else {},
        warnings=[*lost, *plan.told()],
        failure="" if call.check else "; ".join(plan.refused()),
    )
