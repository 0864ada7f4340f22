#!/usr/bin/python
"""Ansible module: carry the rows of the portal's users over to the server that is to serve."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: carry_over
short_description: Carry the rows of the portal's users over to the server that is to serve
description:
  - A switch replaces production's database. What its users wrote lies in the tables that C(dataset.yml) calls
    C(portal); this module brings it along, with the large objects that these rows name, and proves by content
    checksums that it did.
  - "O(state=carried), to a load: production is fenced (PostgreSQL lets nobody in any more, superusers
    included), its rows go from server to server, a copy of them to C(.reingest/runs/<run>/carried/). One
    transaction puts them; a failure leaves the load as it was and opens production again. Roles that were
    changed since the load go first."
  - "O(state=taken), to an earlier snapshot: production is fenced, its rows and roles are kept on the volume.
    O(state=opened), once that snapshot's server runs: its portal-owned rows are replaced by them under a
    name of the database that nobody knows, and then it is opened."
  - "O(state=fenced), to a load that is then copied to where it is promoted: the load itself is fenced, in the
    staging server, so that the copy serves fenced until it has the rows, which go the way of an earlier
    snapshot's. O(state=lifted) opens a load whose copy was cut short."
  - "O(state=refreshed), once the window is closed: materialised views that the load's dataset leaves for
    then (C(views: {name: after_switch})), and those that read them, are refreshed in the live server, beside
    their readers where a unique index permits it. Which they are stands in the database, in the transaction
    of the rows, so that a later run finds them when this one dies. One that cannot be refreshed is a
    warning, and is tried again by the next run."
  - Other databases of production that C(dataset.yml) calls C(portal) come along whole, by C(pg_dump) and
    C(pg_restore) of the servers' version, which must be on this host, under the same fence and with the same
    proof. The load says which they are.
  - The fence lies on disk with the database. It is written down on the volume before it is raised;
    M(dataportal.reingest.switch_window) lifts what a dead run left.
  - It needs direct connections as a superuser, on a primary; both servers run but for O(state=opened).
options:
  state:
    description: What becomes of the rows.
    type: str
    choices: [carried, taken, opened, fenced, lifted, refreshed]
    required: true
  production_dsn:
    description: libpq connection string of the production server, of a superuser.
    type: str
    required: true
  staging_dsn:
    description: "O(state=carried), O(state=fenced), O(state=lifted): that of the staging server."
    type: str
    default: ""
  databases:
    description: Other databases of production that the dataset gives to the portal. A load that does not know
      of one is refused; an earlier snapshot gets them beside those that production's own load names.
    type: list
    elements: str
    default: []
  snapshot:
    description: The snapshot that is to serve.
    type: str
    default: ""
  drain:
    description: How many seconds transactions have to come to their own end; then they are ended, and named.
    type: float
    default: 5
  give_up:
    description: How many seconds more sessions may need to be gone; then the fence is lifted and the switch
      ends.
    type: float
    default: 15
  longest:
    description: After how many seconds the watchdog takes this step for one that hangs; as long may each
      other database be dumped, or made again.
    type: float
    default: 3600
  plan_only:
    description: Only say what is carried (RV(needed), RV(rows)); this is no step of the report.
    type: bool
    default: false
extends_documentation_fragment: [dataportal.reingest.context]
attributes:
  check_mode:
    support: full
    description: Says which rows would be carried now, and why they could not be; and production's other
      tables by their owner.
  diff_mode:
    support: none
author: ["The reingest developers (!UNKNOWN)"]
"""

EXAMPLES = r"""
- name: Carry the users' rows into the load
  dataportal.reingest.carry_over:
    state: carried
    run: 20261123T114500Z-4711
    operator: 0000-0002-1825-0097
    volume: /srv/pg
    production_dsn: postgresql://postgres@127.0.0.1:5432/portal
    staging_dsn: postgresql://postgres@127.0.0.1:5433/portal
"""

RETURN = r"""
needed:
  description: Whether there is anything to carry, or a fence to lift.
  returned: success
  type: bool
rows:
  description: Rows by table; with O(plan_only) those that would be carried now.
  returned: success
  type: dict
lines:
  description: What became of each table's rows, a line each.
  returned: success
  type: list
  elements: str
views:
  description: The materialised views that O(state=refreshed) has to refresh.
  returned: success, with O(state=carried) and O(state=opened)
  type: list
  elements: str
step:
  description: What was done, for the report.
  returned: always
  type: dict
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from ..module_utils.carry_call import CARRIES, lively
from ..module_utils.carry_call import ROWS as OPTIONS
from ..module_utils.runner import Call, run_module


@contextmanager
def held(call: Call) -> Iterator[None]:
    """Hold the open window of the switch, where the task is a part of one, and give signs of life."""
    from ..module_utils.reingest.window.lease import working

    with working(call.records if call["window"] else None, call.run, patience=call.patience), lively(call):
        yield


def main() -> None:
    """Run the module."""
    run_module(replace(CARRIES, hold=held), OPTIONS)


if __name__ == "__main__":
    main()
