#!/usr/bin/python
"""Ansible module: stop or start a list of services in parallel and wait for them."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: service_group
short_description: Stop or start a list of services in parallel, and wait until they are stopped or healthy
description:
  - "A PostgreSQL is stopped by fast shutdown (SIGINT); it must end with exit code 0 and leave its data
    directory shut down cleanly."
  - A container's restart policy is written down and set to C(no) before the stop, and given back just
    before the start.
  - A PostgreSQL whose data directory is declared O(services[].linked) is only started when that is a link
    to a data directory. After each start the server that answers must have the system identifier of the
    data directory.
  - A PostgreSQL is only started when nobody else is in its data directory; no process on this host works in
    it, and no active container has it as its own.
  - With O(engine=docker) a container is checked against the inventory (it exists, its PGDATA leads to
    O(services[].data), all PostgreSQL of the list run one image).
options:
  state:
    description:
      - V(restarted) stops what runs, then starts all.
      - V(healthy) waits and starts nothing.
    type: str
    choices: [started, stopped, restarted, healthy]
    required: true
  accept:
    description: Names of what an operator accepts; V(served) is that nothing proves what is served.
    type: list
    elements: str
    default: []
  maintenance_off:
    description: The command, program and arguments, that takes the portal's maintenance answer away, once the
      services are in the state. Empty is none.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - dataportal.reingest.context
  - dataportal.reingest.services
  - dataportal.reingest.services.served
attributes:
  check_mode:
    support: full
    description: Definitions are checked, nothing is started or stopped.
  diff_mode:
    support: full
author: ["The reingest developers (!UNKNOWN)"]
"""

EXAMPLES = r"""
- name: Stop both servers
  dataportal.reingest.service_group:
    engine: docker
    state: stopped
    records: /var/lib/reingest/services
    services:
      - {name: db, kind: postgresql, data: /srv/pg/prod, linked: true}
      - {name: db-ingest, kind: postgresql, data: /srv/pg/ingest}
"""

RETURN = r"""
acted:
  description: The services that were started or stopped.
  returned: success
  type: list
  elements: str
running:
  description: The services that ran before.
  returned: success
  type: list
  elements: str
step:
  description: What was done, for the report.
  returned: always
  type: dict
"""

from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from ..module_utils.reingest.engines.spec import SERVICE
from ..module_utils.reingest.window.lease import working
from ..module_utils.runner import Call, Outcome, Verb, run_module
from ..module_utils.served_call import SERVED, prove
from ..module_utils.services_call import brought

OPTIONS: dict[str, Any] = {
    "services": {"type": "list", "elements": "dict", "default": [], "options": SERVICE},
    "state": {
        "type": "str",
        "choices": ["started", "stopped", "restarted", "healthy"],
        "required": True,
    },
    "served": {"type": "dict", "options": SERVED},
    "accept": {"type": "list", "elements": "str", "default": []},
    "maintenance_off": {"type": "list", "elements": "str", "default": []},
}


def group(call: Call) -> Outcome:
    """Bring the services into the state, and prove what is served."""
    outcome = brought(call)
    if not call["served"]:
        return outcome
    proven, gaps = prove(call)
    return replace(outcome, did=(*outcome.did, *proven), warnings=gaps)


def held(call: Call) -> AbstractContextManager[None]:
    """Hold the open window of the switch, where the task is a part of one."""
    return working(call.records if call["window"] else None, call.run, patience=call.patience)


def main() -> None:
    """Run the module."""
    run_module(Verb(group, stage="switch", claims=False, hold=held), OPTIONS)


if __name__ == "__main__":
    main()
