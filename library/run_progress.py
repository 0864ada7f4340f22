#!/usr/bin/python
"""Ansible module: say how far the load on this host is."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: run_progress
short_description: Say how far the load on this host is
description:
  - "Looks at the load that began last: whose it is, its phase, rows, bytes, rate and time left of each table;
    or how it ended, or when it died."
  - Changes nothing. Does not need a claim of the volume.
options:
  work:
    description: This host's own directory, with the states of the loads in C(<run>/progress.json).
    type: path
    required: true
  stage:
    description: The report's stage that this step belongs to.
    type: str
    default: preflight
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
author: ["reingest"]
"""

EXAMPLES = r"""
- name: See how far it is
  dataportal.reingest.run_progress:
    work: /var/lib/reingest
  register: found
"""

RETURN = r"""
load:
  description:
    - "The load: C(run), C(operator), C(release), C(snapshot), C(phase), C(state) (running, finished, failed
      or died), C(message), C(heartbeat), C(process), C(rows), C(bytes), C(total) and C(tables)."
    - Empty when there was none.
  returned: success
  type: dict
text:
  description: The same as lines to print.
  returned: success
  type: list
  elements: str
step:
  description: What was checked, for the report.
  returned: always
  type: dict
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.reingest.load.progress import fate, find_loads, now, silence
from ..module_utils.reingest.reporting.progress_lines import load_lines
from ..module_utils.reingest.runs.step import StepClock

ARGUMENT_SPEC: dict[str, Any] = {
    "work": {"type": "path", "required": True},
    "stage": {"type": "str", "default": "preflight"},
}


def newest(work: Path) -> dict[str, Any]:
    """Return the load that began last, and its lines."""
    loads = find_loads(work)
    if not loads:
        return {"load": {}, "text": ["no load yet"]}
    load, moment = loads[0], now()
    state = fate(load, moment)
    return {
        "load": {**load.as_values(), "state": state},
        "text": load_lines(load, state, silence(load, moment)),
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    clock = StepClock(module.params["stage"])
    found = newest(Path(module.params["work"]))
    module.exit_json(changed=False, step=clock.step([], changed=False), **found)


if __name__ == "__main__":
    main()
