#!/usr/bin/python
"""Ansible module: claim the volume for a run, or give it back."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: run_lock
short_description: Claim the volume for a run, or give it back
description:
  - One run at a time has the volume. A second one is refused; it is shown who has it, and since when.
  - A claim is bookkeeping of the run, not a change of the system, so C(changed) is always false.
  - "Through the action plugin of the same name, a claim that a run on the same controller left behind when
    it was killed is taken over; the claim of a run on another controller is never guessed about:
    O(take_over) names it."
  - A claim that the watchdog of a run left behind on this host, when it died itself, is taken over.
  - Refuses a run whose operator is not one of the operators.
  - Where the host requires a proof of who runs, only C(recover) needs none, and may do nothing but recover.
options:
  state:
    description: Whether the run has the volume.
    type: str
    choices: [claimed, released]
    default: claimed
  operators:
    description: ORCID iDs of those who may.
    type: list
    elements: str
    default: []
  take_over:
    description: Id of a dead run whose claim is replaced.
    type: str
    default: ""
  age:
    description: How many seconds old the last sign of life of a run must be for its claim to be replaced
      without being named, when none of its verbs works. V(0) is never.
    type: float
    default: 0
  accept_ledger:
    description: SHA-256 of a ledger whose chain is broken, as status shows it, which the operator accepts as
      it is. It is written into the ledger, whose chain starts anew there. Empty is none.
    type: str
    default: ""
  phase:
    description: What the run is about to do; a run that is refused shows it.
    type: str
    default: ""
  controller:
    description: The controller's host name and boot id; filled in by the action plugin.
    type: str
    default: ""
  process:
    description: Process id of C(ansible-playbook) on the controller; filled in by the action plugin.
    type: int
    default: 0
  process_started:
    description: Start time of that process in clock ticks since boot; filled in by the action plugin.
    type: str
    default: ""
extends_documentation_fragment: [dataportal.reingest.context, dataportal.reingest.proof]
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
author: ["The reingest developers (!UNKNOWN)"]
"""

EXAMPLES = r"""
- name: Claim the volume
  dataportal.reingest.run_lock:
    volume: /srv/pg
    run: 20261123T114500Z-4711
    operator: 0000-0002-1825-0097
    operators: [0000-0002-1825-0097]
"""

RETURN = r"""
operator:
  description: The operator's ORCID iD in its short form.
  returned: when claimed
  type: str
holder:
  description: Who has the volume, when the claim was refused.
  returned: failure
  type: dict
  contains:
    run: {description: The run's id., type: str}
    operator: {description: Whose run it is., type: str}
    controller: {description: Machine and boot of the controller., type: str}
    process: {description: The process of C(ansible-playbook) there., type: int}
    process_started: {description: "Its start time, as its kernel tells it.", type: str}
    since: {description: When it was claimed., type: str}
    renewed: {description: The last sign of life., type: str}
    phase: {description: What the run does., type: str}
    proof: {description: The key that proved who runs., type: str}
challenge:
  description: What is to be signed, where this host requires a proof of who runs and got none.
  returned: failure
  type: dict
  contains:
    run: {description: The run's id., type: str}
    volume: {description: The volume's path., type: str}
    playbook: {description: What is run., type: str}
    operator: {description: Who runs it., type: str}
    arguments: {description: The digest of the arguments., type: str}
    ledger: {description: The ledger's last hash., type: str}
step:
  description: What was done, for the report.
  returned: always
  type: dict
"""

from dataclasses import asdict
from typing import Any

from ..module_utils.proof_call import PROOF, challenge, keep_if_new, proof_of
from ..module_utils.reingest.errors import Refusal
from ..module_utils.reingest.runs.steps import forget_dry_run
from ..module_utils.reingest.volume.lock import (
    Claim,
    claim,
    holder,
    now_text,
    refuse_held,
    refusing,
    release,
    verb,
)
from ..module_utils.reingest.volume.operators import authorised
from ..module_utils.reingest.volume.ownership import note_records
from ..module_utils.reingest.volume.signers import RECOVER
from ..module_utils.reingest.volume.take_over import take_over
from ..module_utils.reingest.window.watchdog_claim import left_behind
from ..module_utils.runner import Call, Outcome, Verb, run_module

OPTIONS: dict[str, Any] = {
    **PROOF,
    "state": {"type": "str", "choices": ["claimed", "released"], "default": "claimed"},
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
        from ..module_utils.reingest.volume.acceptance import accept_ledger

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
    from ..module_utils.reingest.volume.acceptance import plan_acceptance

    return plan_acceptance(call.volume, call["accept_ledger"], run=call.run)


def give_back(call: Call) -> Outcome:
    """Give the volume back, if the run has it."""
    if not call.check:
        release(call.volume, call.run)
    elif call.work is not None:
        forget_dry_run(call.work, call.run)
    return Outcome(values={"operator": ""}, planned=True)


def act(call: Call) -> Outcome:
    """Claim the volume, or give it back."""
    return take(call) if call["state"] == "claimed" else give_back(call)


def main() -> None:
    """Run the module."""
    run_module(Verb(act, stage="preflight", claims=False), OPTIONS)


if __name__ == "__main__":
    main()
