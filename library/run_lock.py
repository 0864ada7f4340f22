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
extends_documentation_fragment:
  - dataportal.reingest.context
  - dataportal.reingest.proof
  - dataportal.reingest.claim
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

from typing import Any

from ..module_utils.claim_call import CLAIM, take
from ..module_utils.reingest.runs.steps import forget_dry_run
from ..module_utils.reingest.volume.lock import release
from ..module_utils.runner import Call, Outcome, Verb, run_module

OPTIONS: dict[str, Any] = {
    **CLAIM,
    "state": {"type": "str", "choices": ["claimed", "released"], "default": "claimed"},
}


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
