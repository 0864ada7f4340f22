"""The options of the modules that claim the volume for a run."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of ``module_utils/claim_call.py``'s CLAIM, beside the proof."""

    DOCUMENTATION = r"""
options:
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
"""
