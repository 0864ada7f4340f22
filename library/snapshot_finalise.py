#!/usr/bin/python
"""Ansible module: freeze a finished load, sync it to disk and write it into the volume's ledger."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: snapshot_finalise
short_description: Finish a load outside the window, and give it its line in the volume's ledger
description:
  - The load runs where the worker is and does not see the volume; this module runs where the volume is and
    does not see the load. While the staging server runs it makes VACUUM (FREEZE, ANALYZE) and CHECKPOINT,
    then syncs every file and directory in C(ingest/). The promotion then has no more to sync than the stop
    of the server left, and takes the same time for any size.
  - It writes down, under the system identifier of the cluster in C(ingest/), which load lies there, with the
    server's checkpoint and settings. By that line every later step finds the load, whether its server runs
    or not, and a promotion knows that the load is on disk.
  - Refuses when the cluster in C(ingest/) is not the one that the worker loaded into, and when the staging
    server runs without fsync or full_page_writes, or would at its next start by the files in C(ingest/).
requirements: [psycopg2]
options:
  snapshot:
    description: The load's id.
    type: str
    required: true
  system_identifier:
    description: The system identifier that the staging server told the worker.
    type: str
    required: true
  staging_dsn:
    description: The staging server, as libpq reads it on this host.
    type: str
    required: true
  load:
    description: What was loaded (release, digest, tables, sources), kept with the line.
    type: dict
    default: {}
extends_documentation_fragment: [dataportal.reingest.context]
attributes:
  check_mode:
    support: full
    description: The load, which comes earlier in a run, is taken as done.
  diff_mode:
    support: full
author: ["The reingest developers (!UNKNOWN)"]
"""

EXAMPLES = r"""
- name: Write the load into the ledger
  dataportal.reingest.snapshot_finalise:
    volume: /srv/pg
    snapshot: 20261123T114500Z
    system_identifier: "7438916702343491732"
    staging_dsn: postgresql://loader@127.0.0.1:5433/postgres
    load: {release: r2_2021-02-01}
    run: 20261123T114500Z-4711
    operator: 0000-0002-1825-0097
"""

RETURN = r"""
snapshot:
  description: The load's id.
  returned: success
  type: str
step:
  description: What was done, for the report.
  returned: always
  type: dict
"""

from typing import Any

from ..module_utils.runner import Call, Outcome, Verb, run_module

OPTIONS: dict[str, Any] = {
    "snapshot": {"type": "str", "required": True},
    "system_identifier": {"type": "str", "required": True},
    "staging_dsn": {"type": "str", "required": True, "no_log": True},
    "load": {"type": "dict", "default": {}},
}


def finalise(call: Call) -> Outcome:
    """Finish the load on disk, and write it into the ledger."""
    # Imported here: without psycopg2 the runner tells what is missing.
    from ..module_utils.reingest.staging.finalise import apply_finalise, finalise_cluster, plan_finalise

    plan = plan_finalise(call.volume, call["snapshot"], call["system_identifier"], dry=call.check)
    detail: dict[str, Any] = {}
    if plan.changed and not call.check:
        cluster, seconds = finalise_cluster(call.volume, plan, call["staging_dsn"])
        apply_finalise(call.volume, plan, cluster, **call.who, load=call["load"])
        detail = {"seconds": seconds}
    diff = {"before": "", "after": f"ledger: finalised {plan.snapshot}\n" if plan.changed else ""}
    return Outcome(plan.changed, plan.did(), {"snapshot": plan.snapshot}, diff, detail)


def in_order(call: Call) -> None:
    """Refuse to write a load into a ledger that was changed."""
    from ..module_utils.reingest.volume.chain import refuse_broken

    refuse_broken(call.volume)


def main() -> None:
    """Run the module."""
    run_module(Verb(finalise, stage="load", lock="finalises the load", before=in_order), OPTIONS)


if __name__ == "__main__":
    main()
