#!/usr/bin/python
"""Ansible module: end the loads of other runs on this host, which nobody waits for any more."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: run_end
short_description: End the loads of other runs
description:
  - A load runs in the background of its host, and goes on when C(ansible-playbook) is interrupted or killed,
    or loses the host.
  - Ends each load of another run into the same staging server. The run must have claimed the volume; whatever
    another run still loads then, nobody waits for.
  - A process is ended only if it is the one that began the load, by its start time.
options:
  staging_dsn:
    description: The staging server. Only its address is used.
    type: str
    required: true
extends_documentation_fragment: [dataportal.reingest.context]
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
author: ["The reingest developers (!UNKNOWN)"]
"""

EXAMPLES = r"""
- name: End what an interrupted run still loads
  dataportal.reingest.run_end:
    work: /var/lib/reingest
    run: 20261123T114500Z-4711
    staging_dsn: "{{ reingest_staging_dsn }}"
"""

RETURN = r"""
ended:
  description: The runs whose loads were ended.
  returned: success
  type: list
  elements: str
step:
  description: What was done, for the report.
  returned: always
  type: dict
"""

from typing import Any

from ..module_utils.runner import Call, Outcome, Verb, run_module

OPTIONS: dict[str, Any] = {
    "staging_dsn": {"type": "str", "required": True, "no_log": True},
}


def end(call: Call) -> Outcome:
    """End the loads of other runs into the staging server that this host still runs."""
    # Imported here: without psycopg2 the runner tells what is missing.
    from ..module_utils.reingest.postgres.dsn import address
    from ..module_utils.reingest.runs.ending import end_others

    ended = end_others(call.work, call.run, address(call["staging_dsn"]), dry=call.check)
    did = [f"end the load of run {run}, which nobody waits for" for run in ended]
    return Outcome(bool(ended), did, {"ended": ended})


def main() -> None:
    """Run the module."""
    run_module(Verb(end, stage="load", claims=False), OPTIONS)


if __name__ == "__main__":
    main()
