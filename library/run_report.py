#!/usr/bin/python
"""Ansible module: make a run's report of what its modules did on all hosts, and release the volume."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: run_report
short_description: Make a run's report, keep it on the volume, and release the volume
description:
  - On a host without the volume it returns the run's steps there. On the host of the volume it puts the steps
    of all hosts in order, adds up the time of each stage and of the window, writes
    C(.reingest/runs/<run>/report.json), and gives the volume back.
  - It ends the run's prober (M(dataportal.reingest.outage_watch)). After a switch, also one that failed, the
    ledger gets a line with what users felt of it.
  - A report is bookkeeping of the run, not a change of the system, so C(changed) is always false.
  - In check mode the report is the plan, and what the dry run wrote on the host is deleted.
options:
  host:
    description: The name of this host, for the report.
    type: str
    default: ""
  began:
    description: When the run began (UTC, ISO 8601); empty is when its first step did.
    type: str
    default: ""
  steps:
    description: RV(steps) of the other hosts.
    type: list
    elements: dict
    default: []
  profiles:
    description:
      - RV(dataportal.reingest.ingest_verify#module:profiles) of the load that the run verified. They are kept
        in C(.reingest/runs/<run>/profile.json), which only the account of the volume's records may read.
    type: dict
    default: {}
  failure:
    description: Which step failed and why; empty when none did.
    type: str
    default: ""
extends_documentation_fragment: [dataportal.reingest.context]
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
author: ["The reingest developers (!UNKNOWN)"]
"""

EXAMPLES = r"""
- name: Write the report
  dataportal.reingest.run_report:
    volume: /srv/pg
    run: 20261123T114500Z-4711
    operator: 0000-0002-1825-0097
    playbook: ingest
    steps: "{{ hostvars | dataportal.reingest.steps(ansible_play_hosts_all) }}"
"""

RETURN = r"""
steps:
  description: What the run did on this host, oldest first.
  returned: always
  type: list
  elements: dict
report:
  description: "The report: outcome, failure, stages with their time and what they did, tables, the window's
    length, the outage, the ledger's chain."
  returned: success, on the host of the volume
  type: dict
text:
  description: The same as a table to print.
  returned: success, on the host of the volume
  type: list
  elements: str
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from ..module_utils.reingest.errors import Refusal
from ..module_utils.reingest.fs.durable import make_own_directory, write_json
from ..module_utils.reingest.reporting.outage_lines import outage_line, over_budget
from ..module_utils.reingest.reporting.report import DONE, FAILED, PLANNED, Report, make_report, report_lines
from ..module_utils.reingest.runs.steps import forget_dry_run, told_steps
from ..module_utils.reingest.volume.chain import broken, read_chain
from ..module_utils.reingest.volume.lock import check_run, release, verb
from ..module_utils.reingest.volume.profile_record import write_profiles
from ..module_utils.reingest.volume.proof_record import read_proof
from ..module_utils.reingest.volume.times_record import keep_times
from ..module_utils.runner import Call, Outcome, Verb, run_module

OPTIONS: dict[str, Any] = {
    "host": {"type": "str", "default": ""},
    "began": {"type": "str", "default": ""},
    "steps": {"type": "list", "elements": "dict", "default": []},
    "profiles": {"type": "dict", "default": {}},
    "failure": {"type": "str", "default": ""},
}


def report_of(call: Call, steps: list[dict[str, Any]]) -> Report:
    """Return the report of the steps of all hosts."""
    return make_report(
        steps,
        **call.who,
        playbook=call["playbook"],
        began=call["began"],
        outcome=FAILED if call["failure"] else PLANNED if call.check else DONE,
        failure=call["failure"],
        now=datetime.now(timezone.utc),
    )


def report(call: Call) -> Outcome:
    """Return this host's steps; on the host of the volume write the report of all, and release the volume."""
    own = [{**step, "host": call["host"]} for step in _told(call)]
    if call.dry_run and call.work is not None:
        forget_dry_run(call.work, call.run)
    if not call["volume"]:
        return Outcome(values={"steps": own}, planned=True)
    made = report_of(call, [*own, *call["steps"]])
    warnings = _outage(call, made.outage)
    try:
        chain = read_chain(call.volume)
        made = replace(made, ledger=chain.as_values())
        proof = read_proof(call.volume, call.run)
        if proof is not None:
            made = replace(made, operator=proof.operator, proof=proof.key)
        warnings += [fault for fault in [broken(call.volume, chain)] if fault]
    except Refusal as refusal:
        warnings.append(str(refusal))
    values = {"report": json.loads(json.dumps(made.as_values())), "text": report_lines(made), "steps": own}
    try:
        if not call.check:
            for folder in (call.volume.records, call.volume.records / "runs", call.volume.run(call.run)):
                make_own_directory(folder)
            write_json(call.volume.run(call.run) / "report.json", values["report"])
            keep_times(call.volume, [*own, *call["steps"]])
            if call["profiles"]:
                warnings += _kept(call)
            release(call.volume, call.run)
    except Refusal as refusal:
        return Outcome(values=values, warnings=warnings, failure=str(refusal), planned=True)
    return Outcome(values=values, warnings=warnings, planned=True)


def _told(call: Call) -> list[dict[str, Any]]:
    """Return what the run did on this host; a prober of it here is ended, and tells what it saw."""
    if call.work is None or not call.run:
        return []
    told = told_steps(call.work, call.run)
    probes = [step for step in told if step["detail"].get("probes")]
    if probes and not call.dry_run:
        from ..module_utils.reingest.outage.probe_record import end_prober

        seen = end_prober(call.work / call.run)
        if seen is not None:
            probes[-1]["detail"]["outage"] = seen.as_values()
    return told


def _outage(call: Call, outage: Mapping[str, Any]) -> list[str]:
    """Write what users felt of the switch into the ledger; return what is to be warned of."""
    if call.check or not outage or not outage["window_s"]:
        return []
    from ..module_utils.reingest.outage.line import write_outage

    warnings = [f"the outage was {outage_line(outage)}"] if over_budget(outage) else []
    try:
        check_run(call.volume, call.run)
        with verb(call.volume, call.run, phase="writes down the outage"):
            write_outage(call.volume, outage, outage_line(outage), **call.who)
    except Refusal as refusal:
        warnings.append(f"the outage is missing in the ledger: {refusal}")
    return warnings


def _kept(call: Call) -> list[str]:
    """Keep the profiles of the load; what stands against it is no more than a warning."""
    try:
        write_profiles(call.volume, call.run, call["profiles"])
    except Refusal as refusal:
        return [str(refusal)]
    return []


def main() -> None:
    """Run the module."""
    run_module(Verb(report, stage="report", claims=False), OPTIONS)


if __name__ == "__main__":
    main()
