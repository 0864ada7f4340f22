#!/usr/bin/python
"""Ansible module: start over where the machine went down under a load without fsync."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: staging_discard
short_description: Replace a load that the machine's end left incomplete by an empty directory
description:
  - A load runs without fsync. When the machine goes down before the load was finalised, what is in
    C(ingest/) may be anything, whatever its control file says.
  - The module deletes it, and makes an empty C(ingest/) of the same owner and mode, on which the staging
    server makes a new cluster.
  - Does nothing where the machine did not go down, or where all that was loaded had been synced.
extends_documentation_fragment: [dataportal.reingest.context]
attributes:
  check_mode:
    support: full
    description: A stop of the server that comes before this step is taken as done.
  diff_mode:
    support: full
author: ["The reingest developers (!UNKNOWN)"]
"""

EXAMPLES = r"""
- name: Start over where the machine went down under a load
  dataportal.reingest.staging_discard:
    volume: /srv/pg
    run: 20261123T114500Z-4711
"""

RETURN = r"""
step:
  description: What was done, for the report.
  returned: always
  type: dict
"""

from ..module_utils.reingest.staging.discard import apply_discard, plan_discard
from ..module_utils.runner import Call, Outcome, Verb, run_module


def discard(call: Call) -> Outcome:
    """Start over with an empty directory, where what the staging server holds may not be on disk."""
    plan = plan_discard(call.volume, dry=call.check, exclusive=call["exclusive"])
    if plan.changed and not call.check:
        apply_discard(call.volume)
    return Outcome(plan.changed, plan.did(), diff=plan.diff())


def main() -> None:
    """Run the module."""
    run_module(Verb(discard, stage="load", lock="starts over"), {})


if __name__ == "__main__":
    main()
