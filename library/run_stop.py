#!/usr/bin/python
"""Ansible module: end a run's load on this host, and give back the volume of a run that is gone."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: run_stop
short_description: End a run's load, and give back the volume of a run that is gone
description:
  - A load runs in the background of its host, and goes on when C(ansible-playbook) is interrupted or killed.
    This ends it, on demand and without another run.
  - Never ends a run that is inside its switch.
  - Through the action plugin of the same name, a run whose C(ansible-playbook) was started on the same
    controller is known to be gone when that process is; a run of another controller is never guessed about,
    O(take_over) names it.
options:
  state:
    description:
      - "V(checked): nothing is ended. Refuses when a run is inside its switch on this host."
      - "V(ended): all loads of this host into the staging server are ended, with all that they started, such
        as the portal's own loader."
      - "V(released): the volume is given back where the run that holds its lock is gone."
    type: str
    choices: [checked, ended, released]
    required: true
  operators:
    description: ORCID iDs of those who may.
    type: list
    elements: str
    default: []
  staging_dsn:
    description: The staging server, needed for O(state=ended). Only its address is used.
    type: str
    default: ""
  take_over:
    description: Id of a dead run that holds the volume lock.
    type: str
    default: ""
  age:
    description: How many seconds old the last sign of life of a run must be for the run to be gone, when none
      of its verbs works. V(0) is never.
    type: float
    default: 0
extends_documentation_fragment: [dataportal.reingest.context, dataportal.reingest.proof]
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
author: ["The reingest developers (!UNKNOWN)"]
"""

EXAMPLES = r"""
- name: End what loads on this host
  dataportal.reingest.run_stop:
    state: ended
    operator: 0000-0002-1825-0097
    operators: [0000-0002-1825-0097]
    work: /var/lib/reingest
    staging_dsn: "{{ reingest_staging_dsn }}"
"""

RETURN = r"""
ended:
  description: The runs whose loads were ended.
  returned: success
  type: list
  elements: str
released:
  description: The run whose claim of the volume was given back; empty when none was.
  returned: success
  type: str
holder:
  description: Who holds the volume lock; empty when nobody does.
  returned: success
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
text:
  description: What was done, or why not, as lines to print.
  returned: success
  type: list
  elements: str
step:
  description: What was done, for the report.
  returned: always
  type: dict
"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..module_utils.proof_call import PROOF, challenge, keep_if_new, proof_of
from ..module_utils.reingest.errors import Refusal
from ..module_utils.reingest.runs.ending import end_load, running_loads
from ..module_utils.reingest.runs.stopping import claim_found, ends, give_back, refuse_in_switch
from ..module_utils.reingest.volume.operators import authorised
from ..module_utils.runner import Call, Outcome, Verb, run_module

if TYPE_CHECKING:
    from ..module_utils.reingest.volume.proof_record import Proof

OPTIONS: dict[str, Any] = {
    **PROOF,
    "state": {"type": "str", "choices": ["checked", "ended", "released"], "required": True},
    "operators": {"type": "list", "elements": "str", "default": []},
    "staging_dsn": {"type": "str", "default": "", "no_log": True},
    "take_over": {"type": "str", "default": ""},
    "age": {"type": "float", "default": 0},
}


def check(call: Call, _: Proof | None) -> Outcome:
    """Refuse when a run is inside its switch on this host."""
    records = call.records if call["records"] or call["work"] else None
    refuse_in_switch(records, call.volume if call["volume"] else None)
    return told(call, [], [])


def end(call: Call, _: Proof | None) -> Outcome:
    """End all loads of this host into the staging server."""
    from ..module_utils.reingest.postgres.dsn import address  # needs psycopg2, which not every host has

    loads = running_loads(call.work, address(call["staging_dsn"])) if call.work is not None else []
    for load in () if call.check else loads:
        end_load(load)
    did = [ends(load) for load in loads]
    return told(call, did, [] if did else ["nothing loads on this host"], ended=[load.run for load in loads])


def release(call: Call, proof: Proof | None) -> Outcome:
    """Give the volume back where the run that holds its lock is gone."""
    found = claim_found(call.volume, dead=call["take_over"], age=call["age"])
    if not call.check:
        if found.gone:
            keep_if_new(call, proof)
        give_back(call.volume, found)
    if found.now is None:
        return told(call, [], ["no run holds the volume lock"])
    if found.gone:
        return told(call, found.did(), [], released=found.now.run)
    return told(call, [], found.told(), holder=asdict(found.now))


def told(call: Call, did: list[str], notes: list[str], **values: Any) -> Outcome:  # noqa: ANN401 - of the result
    """Return the outcome with its lines to print."""
    lines = [f"would {one}" if call.check else one for one in did]
    values = {"ended": [], "released": "", "holder": {}, **values, "text": lines + notes}
    return Outcome(bool(did), did, values, planned=True)


_STATES = {"checked": check, "ended": end, "released": release}


def stop(call: Call) -> Outcome:
    """Do it, or say what would be done."""
    operator = authorised(call["operator"], call["operators"])
    try:
        proof = proof_of(call, operator, again=call["state"] == "released")
    except Refusal as refusal:
        return Outcome(values={"challenge": challenge(refusal)}, failure=str(refusal), planned=True)
    return _STATES[call["state"]](call, proof)


def main() -> None:
    """Run the module."""
    run_module(Verb(stop, stage="load", claims=False), OPTIONS)


if __name__ == "__main__":
    main()
