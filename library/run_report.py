#!/usr/bin/python
"""Ansible module: make a run's report of what its modules did on all hosts, and keep it on the volume."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: run_report
short_description: Make a run's report and keep it on the volume
description:
  - Puts the steps of all hosts in order, adds up the time of each stage and of the window, and writes
    C(.reingest/runs/<run>/report.json).
  - A report is bookkeeping of the run, not a change of the system, so C(changed) is always false.
  - In check mode the report is the plan, and nothing is written.
options:
  volume:
    description: The volume's path.
    type: path
    required: true
  run:
    description: The run's id.
    type: str
    required: true
  operator:
    description: ORCID iD of who runs it.
    type: str
    required: true
  playbook:
    description: What was run.
    type: str
    required: true
  steps:
    description: The RV(step) values that the run's modules returned.
    type: list
    elements: dict
    required: true
  failure:
    description: Which step failed and why; empty when none did.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
author: ["reingest"]
"""

EXAMPLES = r"""
- name: Report
  dataportal.reingest.run_report:
    volume: /srv/pg
    run: 20261123T114500Z-4711
    operator: 0000-0002-1825-0097
    playbook: ingest
    steps: "{{ hostvars | dataportal.reingest.steps(ansible_play_hosts_all) }}"
"""

RETURN = r"""
report:
  description: "The report: outcome, failure, stages with their time and what they did, tables, the window's
    length."
  returned: success
  type: dict
text:
  description: The same as a table to print.
  returned: success
  type: list
  elements: str
"""

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.reingest.errors import Refusal
from ..module_utils.reingest.fs.durable import make_directory, write_json
from ..module_utils.reingest.reporting.report import DONE, FAILED, PLANNED, make_report, report_lines
from ..module_utils.reingest.volume.layout import open_volume

ARGUMENT_SPEC: dict[str, Any] = {
    "volume": {"type": "path", "required": True},
    "run": {"type": "str", "required": True},
    "operator": {"type": "str", "required": True},
    "playbook": {"type": "str", "required": True},
    "steps": {"type": "list", "elements": "dict", "required": True},
    "failure": {"type": "str", "default": ""},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    params = module.params
    outcome = FAILED if params["failure"] else PLANNED if module.check_mode else DONE
    report = make_report(
        params["steps"],
        run=params["run"],
        playbook=params["playbook"],
        operator=params["operator"],
        outcome=outcome,
        failure=params["failure"],
        now=datetime.now(timezone.utc),
    )
    values = json.loads(json.dumps(report.as_values()))
    try:
        volume = open_volume(Path(params["volume"]))
        if not module.check_mode:
            for folder in (volume.records, volume.records / "runs", volume.run(params["run"])):
                make_directory(folder, like=volume.root)
            write_json(volume.run(params["run"]) / "report.json", values)
    except Refusal as refusal:
        module.fail_json(msg=str(refusal), report=values, text=report_lines(report))
    module.exit_json(changed=False, report=values, text=report_lines(report))


if __name__ == "__main__":
    main()
