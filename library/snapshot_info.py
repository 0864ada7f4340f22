#!/usr/bin/python
"""Ansible module: say what is on the volume."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: snapshot_info
short_description: Say what is on the volume
description:
  - "Snapshots with their state, release, size and age, the live one, the load in C(ingest/), what is under
    way and whose it is, space, the ledger's last lines."
  - Changes nothing and needs no claim of the volume. What is damaged, or what this account may not read, is
    a fault beside the rest.
options:
  sizes:
    description: Whether to measure each snapshot, which walks all their files; else they have the sizes that
      the ledger has of them.
    type: bool
    default: false
extends_documentation_fragment: [dataportal.reingest.context]
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
author: ["The reingest developers (!UNKNOWN)"]
"""

EXAMPLES = r"""
- name: See what is there
  dataportal.reingest.snapshot_info:
    volume: /srv/pg
    sizes: true
  register: found
"""

RETURN = r"""
live:
  description: The live snapshot; empty when there is none.
  returned: success
  type: str
previous:
  description: The snapshot that a rollback would go to; empty when there is none.
  returned: success
  type: str
loaded:
  description: The finished load in C(ingest/); empty when there is none.
  returned: success
  type: str
lost:
  description: Whether the machine went down while what C(ingest/) holds was not on disk; see
    M(dataportal.reingest.staging_discard).
  returned: success
  type: bool
snapshots:
  description:
    - What lies in C(staging/), oldest first by its id, and then the finished load in C(ingest/).
    - "C(state): C(live), C(good) (it was proven to serve), C(bad), C(loaded) (it was never live),
      C(unproven) (it was, and nobody knows how that went), C(adopted) (it was there before reingest),
      C(unknown) (the ledger does not know it: no rule deletes it)."
    - "C(release); C(bytes) on the disk, null where nobody knows; C(loaded_at) and C(age_seconds), by the
      ledger; C(pinned); C(way_back), whether a rollback would go to it; C(why) it is bad."
  returned: success
  type: list
  elements: dict
space:
  description: "C(free_bytes), C(total_bytes); C(next_load_bytes) that must be free for the next load, and
    C(next_load_how) that was told; C(trash_bytes) that are not deleted yet."
  returned: success
  type: dict
free_bytes:
  description: What is free on the volume.
  returned: success
  type: int
lock:
  description: "The run that has the volume: C(run), C(operator), C(proof) (the key that proved it), C(phase),
    C(since), C(renewed), C(controller), C(process). Null when it is free."
  returned: success
  type: dict
working:
  description: "The module that changes the volume at this moment: C(pid), C(started), C(run). Null when
    none does."
  returned: success
  type: dict
promotion:
  description: What the journal says of a promotion that was begun and not ended; null when none was.
  returned: success
  type: dict
interrupted:
  description: The same as a sentence; empty when none was.
  returned: success
  type: str
pruning:
  description: "A pruning that was begun and not written down to its end: C(run), C(snapshots). Null when none
    was."
  returned: success
  type: dict
window:
  description: "The switch that is under way: C(run), C(operator), C(snapshot), C(since), C(failed) (why it is
    taken back), C(watched) (whether it is ended without its run), C(rebooted), C(fault). Null when none is."
  returned: success
  type: dict
fences:
  description: "Databases that are fenced, by what is written down: C(snapshot) (empty where it is gone),
    C(server) (its system identifier), C(load) (whether the staging server has it), C(database), C(run),
    C(since). The snapshot that served before is fenced until it serves again; the live one's fence is
    lifted by its switch, or by C(recover.yml); a load's, which was fenced for its copy, by the next run."
  returned: success
  type: list
  elements: dict
views:
  description: "Materialised views of production that a switch left for after its window and that are not
    refreshed yet: C(view), C(run) whose switch it was, C(since)."
  returned: success
  type: list
  elements: dict
copies:
  description: "Copies that are the only place of rows of users: C(run), whose C(carried/) it is, and C(rows),
    a sentence for each table. C(reingest_accept=copies:<run>) lets C(prune.yml) delete it."
  returned: success
  type: list
  elements: dict
leftovers:
  description: What is pruned and could not be deleted yet.
  returned: success
  type: list
  elements: str
history:
  description: The ledger's last lines; C(proof) is the fingerprint of the key that proved who ran it.
  returned: success
  type: list
  elements: dict
chain:
  description:
    - "Whether the ledger's lines are those that were written: C(state), which is C(whole), C(none) (no line
      has a hash yet) or C(broken); C(since), the first line that has a hash; C(last), the last hash: keep it
      elsewhere."
    - "C(broken) and C(accepted) (by an operator): C(line), C(why). C(accept), by what an operator accepts a
      broken one; C(fault), the same as a sentence, which is one of RV(faults)."
  returned: success
  type: dict
faults:
  description: What is wrong with the volume.
  returned: success
  type: list
  elements: str
text:
  description: The same as a table to print.
  returned: success
  type: list
  elements: str
step:
  description: What was checked, for the report.
  returned: always
  type: dict
"""

from typing import Any

from ..module_utils.reingest.reporting.listing import listing
from ..module_utils.reingest.reporting.volume_info import describe
from ..module_utils.runner import Call, Outcome, Verb, run_module

OPTIONS: dict[str, Any] = {
    "sizes": {"type": "bool", "default": False},
}


def look(call: Call) -> Outcome:
    """Say what is on the volume."""
    found = describe(call.volume, sizes=call["sizes"])
    return Outcome(values={**found, "text": listing(found)}, planned=True)


def main() -> None:
    """Run the module."""
    run_module(Verb(look, stage="preflight", claims=False), OPTIONS)


if __name__ == "__main__":
    main()
