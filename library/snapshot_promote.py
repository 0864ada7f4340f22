#!/usr/bin/python
"""Ansible module: make a snapshot the live one."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: snapshot_promote
short_description: Make a data directory the live one, atomically and durably
description:
  - Moves the finished load in C(ingest/) to C(staging/<id>), puts a fresh empty C(ingest/) in its place and
    points the relative link C(prod) at it by one rename. That rename is the commit point.
  - Promotes a snapshot that lies in C(staging/) already in the same way; that is what a rollback is.
  - It first completes or reverts what an interrupted run began; M(dataportal.reingest.switch_window) does the
    same for a whole host. What was done is determined from the inodes and system identifiers of the
    directories.
  - Nobody may be in the directory that comes or in the one that goes; that is looked at before the move, and
    again between the move and the rename of C(prod).
  - Where this run carried rows of users out of the snapshot that is live, it first looks whether somebody
    wrote into it since, by its control file and its WAL; a changed row of theirs is refused.
  - Run it on the host of the volume, with the servers stopped.
options:
  snapshot:
    description:
      - The snapshot to promote.
      - "When empty: the load in C(ingest/), or, with O(kind=rollback), the last snapshot that served before
        the live one and was good."
    type: str
    default: ""
  loaded:
    description: The load that this run made or found in the staging server; C(ingest/) must hold that one.
    type: str
    default: ""
  release:
    description: The release of that load; in check mode the ledger does not have it yet.
    type: str
    default: ""
  kind:
    description: What the promotion is, for the ledger. The snapshot that a rollback leaves is marked as
      failed.
    type: str
    choices: [ingest, promote, rollback]
    default: promote
  why:
    description: Why the snapshot that a rollback leaves is bad, for the ledger.
    type: str
    default: ""
  force:
    description: Promote also a snapshot that is marked as bad, and a load of what a rollback left for being
      bad; else they are refused with who marked it, when and why.
    type: bool
    default: false
  rows_left:
    description: Whether rows of users stay behind in the snapshot that is live now, because somebody accepted
      that; it is kept then until losing them is accepted by name.
    type: bool
    default: false
  by_release:
    description: With O(plan_only), whether only the release that the portal names will prove what is served.
      A snapshot whose release the ledger does not know is refused then, unless O(accept) has V(served).
    type: bool
    default: false
  production_dsn:
    description:
      - With O(plan_only), the server that serves now. Where it has other versions of the collations than the
        one that made the indexes of the snapshot, a kept one is refused, unless O(accept) has
        V(collation:<snapshot>).
      - Where it does not answer, or the ledger does not have those versions, nothing is known of that.
    type: str
    default: ""
  accept:
    description: Names of what an operator accepts.
    type: list
    elements: str
    default: []
  plan_only:
    description: Only say what is to be done (RV(needed)); this is no step of the report.
    type: bool
    default: false
extends_documentation_fragment: [dataportal.reingest.context]
attributes:
  check_mode:
    support: full
    description: The load and the stop of the servers, which come earlier in a run, are taken as done.
  diff_mode:
    support: full
author: ["The reingest developers (!UNKNOWN)"]
"""

EXAMPLES = r"""
- name: Promote the load
  dataportal.reingest.snapshot_promote:
    volume: /srv/pg
    run: 20261123T114500Z-4711
    operator: 0000-0002-1825-0097

- name: Go back to the snapshot that served before
  dataportal.reingest.snapshot_promote:
    volume: /srv/pg
    kind: rollback
    run: 20261123T114500Z-4711
    operator: 0000-0002-1825-0097
"""

RETURN = r"""
snapshot:
  description: The snapshot that is promoted.
  returned: success
  type: str
release:
  description: The snapshot's release, as its load wrote it down; empty when the ledger does not know it.
  returned: success
  type: str
live:
  description: The snapshot that is live afterwards; empty when there is none.
  returned: success
  type: str
previous:
  description: The snapshot that was live before; empty when there was none.
  returned: success
  type: str
apart:
  description: Whether no staging server has it, so that users' rows are put once it serves; a load in
    C(ingest/) has one.
  returned: success
  type: bool
fenced:
  description: Whether its database is fenced on its disk, so that it is opened once it serves.
  returned: success
  type: bool
needed:
  description: Whether the snapshot is not the live one yet.
  returned: success
  type: bool
step:
  description: What was done, for the report.
  returned: always
  type: dict
"""

from contextlib import AbstractContextManager
from dataclasses import replace

from ..module_utils.promote_call import PROMOTES
from ..module_utils.promote_call import PROMOTION as OPTIONS
from ..module_utils.reingest.window.lease import working
from ..module_utils.runner import Call, run_module


def held(call: Call) -> AbstractContextManager[None]:
    """Hold the open window of the switch, where the task is a part of one."""
    return working(call.records if call["window"] else None, call.run, patience=call.patience)


def main() -> None:
    """Run the module."""
    run_module(replace(PROMOTES, hold=held), OPTIONS)


if __name__ == "__main__":
    main()
