"""From a call of a module to the claim of the volume."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from .proof_call import PROOF, challenge, keep_if_new, proof_of
from .reingest.errors import Refusal
from .reingest.volume.lock import Claim, claim, holder, now_text, refuse_held, refusing, verb
from .reingest.volume.operators import authorised
from .reingest.volume.ownership import note_records
from .reingest.volume.signers import RECOVER
from .reingest.volume.take_over import take_over
from .reingest.window.watchdog_claim import left_behind
from .runner import Call, Outcome

# Documented by the fragment `dataportal.reingest.claim`.
CLAIM: dict[str, Any] = {
    **PROOF,
    "operators": {"type": "list", "elements": "str", "default": []},
    "take_over": {"type": "str", "default": ""},
    "age": {"type": "float", "default": 0},
    "accept_ledger": {"type": "str", "default": ""},
    "phase": {"type": "str", "default": ""},
    "controller": {"type": "str", "default": ""},
    "process": {"type": "int", "default": 0},
    "process_started": {"type": "str", "default": ""},
}


def take(call: Call) -> Outcome:
    """Claim the volume for the run, or tell who has it."""
    operator = authorised(call["operator"], call["operators"])
    with refusing(call.volume):
        did = take_over(call.volume, dry=call.check)
        if not call.check and call.work is not None:
            note_records(call.work, call.volume)
    now = holder(call.volume)
    rights = {"take_over": call["take_over"] or left_behind(now), "age": call["age"]}
    try:
        replaced = refuse_held(call.volume, call.run, **rights)
        accepts = acceptance(call)
        again = now is not None and now.run == call.run and bool(now.proof)
        free = call["playbook"] == RECOVER and not (accepts or again)
        proof = None if free else proof_of(call, operator, again=again)
        if not call.check:
            key = keep_if_new(call, proof)
            who = {name: call[name] for name in ("run", "controller", "process", "process_started", "phase")}
            wanted = Claim(operator=operator, since=now_text(), proof=key, **who)
            replaced = claim(call.volume, wanted, **rights)
    except Refusal as refusal:
        held = {} if now is None else asdict(now)
        return Outcome(values={"holder": held, "challenge": challenge(refusal)}, failure=str(refusal))
    if replaced is not None and replaced.run != call.run:
        did += [f"take the volume over from run {replaced.run} of {replaced.operator}"]
    if accepts and not call.check:
        from .reingest.volume.acceptance import accept_ledger

        with verb(call.volume, call.run, phase="accepts the ledger"):
            accept_ledger(call.volume, run=call.run, operator=operator)
    return Outcome(did=[*did, *accepts], values={"operator": operator})


def acceptance(call: Call) -> list[str]:
    """Return what is accepted of the ledger, where the run accepts it.

    Raises:
        Refusal: there is nothing to accept, or another ledger.
    """
    if not call["accept_ledger"]:
        return []
    from .reingest.volume.acceptance import plan_acceptance

    return plan_acceptance(call.volume, call["accept_ledger"], run=call.run)
