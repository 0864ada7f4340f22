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
  operator:
    description: ORCID iD of who runs it.
    type: str
    default: ""
  operators:
    description: ORCID iDs of those who may.
    type: list
    elements: str
    default: []
  records:
    description: This host's folder with the record of an open switch; needed for O(state=checked).
    type: path
    default: ""
  volume:
    description: The volume's path; empty on a host without it.
    type: path
    default: ""
  work:
    description: This host's own directory, with the states of the loads in C(<run>/progress.json); needed for
      O(state=ended).
    type: path
    default: ""
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
  stage:
    description: The report's stage that this step belongs to.
    type: str
    default: load
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
author: ["reingest"]
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
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ..module_utils.reingest.errors import Refusal
from ..module_utils.reingest.runs.ending import end_load, running_loads
from ..module_utils.reingest.runs.step import StepClock
from ..module_utils.reingest.runs.stopping import claim_found, ends, give_back, refuse_in_switch
from ..module_utils.reingest.volume.layout import Volume, open_volume
from ..module_utils.reingest.volume.operators import authorised

ARGUMENT_SPEC: dict[str, Any] = {
    "state": {"type": "str", "choices": ["checked", "ended", "released"], "required": True},
    "operator": {"type": "str", "default": ""},
    "operators": {"type": "list", "elements": "str", "default": []},
    "records": {"type": "path", "default": ""},
    "volume": {"type": "path", "default": ""},
    "work": {"type": "path", "default": ""},
    "staging_dsn": {"type": "str", "default": "", "no_log": True},
    "take_over": {"type": "str", "default": ""},
    "age": {"type": "float", "default": 0},
    "stage": {"type": "str", "default": "load"},
}


def stop(params: dict[str, Any], clock: StepClock, *, check: bool) -> dict[str, Any]:
    """Do it, or say what would be done; return the module's result."""
    authorised(params["operator"], params["operators"])
    volume = open_volume(Path(params["volume"])) if params["volume"] else None
    result: dict[str, Any] = {"ended": [], "released": "", "holder": {}}
    did: list[str] = []
    told: list[str] = []
    if params["state"] == "checked":
        refuse_in_switch(Path(params["records"]) if params["records"] else None, volume)
    elif params["state"] == "ended":
        result["ended"], did = end_loads(params, check=check)
        told = [] if did else ["nothing loads on this host"]
    elif volume is not None:
        result["released"], result["holder"], did, told = release_claim(params, volume, check=check)
    text = [f"would {one}" if check else one for one in did]
    changed = bool(did)
    return {**result, "changed": changed, "text": text + told, "step": clock.step(did, changed=changed)}


def end_loads(params: dict[str, Any], *, check: bool) -> tuple[list[str], list[str]]:
    """End the loads of this host; return their runs, and what was done."""
    from ..module_utils.reingest.postgres.dsn import address  # needs psycopg2, which not every host has

    loads = running_loads(Path(params["work"]), address(params["staging_dsn"]))
    for load in () if check else loads:
        end_load(load)
    return [load.run for load in loads], [ends(load) for load in loads]


def release_claim(
    params: dict[str, Any], volume: Volume, *, check: bool
) -> tuple[str, dict[str, Any], list[str], list[str]]:
    """Give the volume back; return whose it was, who holds it still, what was done, and why not."""
    found = claim_found(volume, dead=params["take_over"], age=params["age"])
    if not check:
        give_back(volume, found)
    if found.now is None:
        return "", {}, [], ["nobody holds the volume lock"]
    if found.gone:
        return found.now.run, {}, found.did(), []
    return "", asdict(found.now), [], found.told()


def main() -> None:
    """Run the module."""
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    clock = StepClock(module.params["stage"])
    try:
        result = stop(module.params, clock, check=module.check_mode)
    except Refusal as refusal:
        module.fail_json(msg=str(refusal), step=clock.step([], changed=False))
    except ImportError as error:
        module.fail_json(msg=missing_required_lib(str(error.name)), step=clock.step([], changed=False))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
