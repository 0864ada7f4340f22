"""From a call of a module to a promotion, planned or made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .reingest.errors import ListedRefusal
from .reingest.promotion.promote import apply_promotion, plan_promotion, previous_snapshot
from .reingest.promotion.recovery import apply_recovery, plan_recovery
from .reingest.runs.steps import Predicted
from .reingest.volume.chain import refuse_broken
from .reingest.volume.ledger import ROLLBACK, read_ledger
from .reingest.volume.unsaved import hold, let_go
from .reingest.window.lease import beating
from .runner import Call, Outcome, Verb

PROMOTION: dict[str, Any] = {
    "snapshot": {"type": "str", "default": ""},
    "loaded": {"type": "str", "default": ""},
    "release": {"type": "str", "default": ""},
    "kind": {"type": "str", "choices": ["ingest", "promote", "rollback"], "default": "promote"},
    "why": {"type": "str", "default": ""},
    "force": {"type": "bool", "default": False},
    "rows_left": {"type": "bool", "default": False},
    "by_release": {"type": "bool", "default": False},
    "production_dsn": {"type": "str", "default": "", "no_log": True},
    "accept": {"type": "list", "elements": "str", "default": []},
    "plan_only": {"type": "bool", "default": False},
}
_LOOKS_S = 60  # longer than the WAL is read; what takes longer than that hangs


def promote(call: Call) -> Outcome:
    """Make the snapshot the live one."""
    volume, exclusive = call.volume, call["exclusive"]
    if not call.check:
        apply_recovery(volume, plan_recovery(volume), **call.who)
    wanted = call["snapshot"]
    if call["kind"] == ROLLBACK and not wanted:
        wanted = previous_snapshot(volume, run=call.run)
    plan = plan_promotion(
        volume,
        wanted,
        loaded=call["loaded"],
        dry=call.check,
        run=call.run,
        exclusive=exclusive,
        copies=bool(call.predicted.copied),
        force=call["force"],
    )
    values = {
        "snapshot": plan.snapshot,
        "release": read_ledger(volume).release(plan.snapshot) or call["release"],
        "live": plan.snapshot,
        "previous": plan.previous,
        "apart": plan.origin != "ingest",
        "fenced": plan.changed and plan.origin != "ingest" and _is_fenced(call, plan.snapshot),
        "needed": plan.changed,
    }
    if call["plan_only"]:
        if plan.changed and call["by_release"]:
            from .reingest.services.proof import Proof, accepted_gap

            proof, known = Proof(portal=True, login=False), bool(values["release"])
            accepted_gap(proof, call["accept"], snapshot=plan.snapshot, release_known=known)
        warnings = _judged(call, plan.snapshot) if plan.changed and plan.origin == "staging" else ()
        return Outcome(values=values, diff=plan.diff(), planned=True, warnings=warnings)
    did = plan.did()
    if plan.changed and not call.check:
        untouched_since = ""
        if plan.previous:
            from .reingest.carry.untouched import untouched

            with beating(call.records if call["window"] else None, _LOOKS_S):
                untouched_since = untouched(volume, volume.snapshot(plan.previous), call.run)
            did += [untouched_since] if untouched_since else []
        if call["rows_left"] and plan.previous:
            hold(volume, plan.previous, run=call.run, why="it was left without carrying them over")
        how = {"kind": call["kind"], "why": call["why"], "exclusive": exclusive}
        apply_promotion(volume, plan, **how, **call.who)
        if untouched_since:  # its rows were carried: nothing is only there any more
            let_go(volume, plan.previous)
    return Outcome(plan.changed, did, values, plan.diff(), predicts=Predicted(live=plan.snapshot))


def _is_fenced(call: Call, snapshot: str) -> bool:
    from .reingest.carry.record import fence_in

    return fence_in(call.volume, call.volume.snapshot(snapshot)) is not None


def _judged(call: Call, snapshot: str) -> Sequence[str]:
    """Return what was accepted of the snapshot, as warnings.

    Raises:
        ListedRefusal: with what was found and nobody accepted.
    """
    if not call["production_dsn"]:
        return ()
    # Imported here: only a look at a server needs psycopg2.
    from .reingest.promotion.collations import collation_findings
    from .reingest.verify.accept import judge

    entry = read_ledger(call.volume).load(snapshot)
    found = tuple(collation_findings(entry, call["production_dsn"]))
    what = f"snapshot {snapshot} is not fit for the server that is to serve it"
    verdict = judge(found, call["accept"], what=what, whole=False)
    if verdict.refusal:
        raise ListedRefusal(verdict.refusal)
    return verdict.warnings


def in_order(call: Call) -> None:
    """Refuse to go forward by a ledger that was changed; the way back stays open."""
    if call["kind"] != ROLLBACK:
        refuse_broken(call.volume)


PROMOTES = Verb(promote, stage="switch", lock="promotes", before=in_order)
