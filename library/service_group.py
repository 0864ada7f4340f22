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
  engine:
    description: What runs the services.
    type: str
    choices: [docker, process]
    required: true
  services:
    description: The services.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The container's name, or a name for the process.
        type: str
        required: true
      kind:
        description: A C(probe) is only an address that must answer; nothing is started or stopped for it.
        type: str
        choices: [postgresql, plain, probe]
        default: plain
      data:
        description: A PostgreSQL's data directory as this host sees it.
        type: path
      linked:
        description: Whether O(services[].data) must be a link to a data directory.
        type: bool
        default: false
      command:
        description: "Engine process: the program and its arguments."
        type: list
        elements: str
        default: []
      user:
        description: "Engine process: the account to run it under when this runs as root."
        type: str
        default: ""
      environment:
        description: "Engine process: environment variables."
        type: dict
      directory:
        description: "Engine process: the working directory."
        type: path
      health:
        description: How it is found healthy; the first that is set counts, none means that it runs.
        type: dict
        suboptions:
          container:
            description: The container's own health check.
            type: bool
            default: false
          tcp:
            description: An address C(host:port) that accepts connections.
            type: str
            default: ""
          http:
            description: An address that answers 200.
            type: str
            default: ""
          json:
            description: Values that the JSON answer of O(services[].health.http) must hold.
            type: dict
            default: {}
          postgresql:
            description: A libpq connection string that can log in.
            type: str
            default: ""
          database:
            description: Log in to this database instead of the connection string's.
            type: str
            default: ""
  state:
    description:
      - V(restarted) stops what runs, then starts all.
      - V(healthy) waits and starts nothing.
      - V(checked) looks at the definitions, at those services that run, and whether anybody else is in a
        data directory.
    type: str
    choices: [started, stopped, restarted, healthy, checked]
    required: true
  stop_timeout:
    description: Seconds until a service must have stopped.
    type: float
    default: 120
  start_timeout:
    description: Seconds until a service must be healthy.
    type: float
    default: 60
  records:
    description: This host's folder for restart policies, process ids and logs.
    type: path
    required: true
  assume:
    description: "Check mode: the states, C(started) or C(stopped) by service name, into which earlier steps
      of the run bring services."
    type: dict
    default: {}
  exclusive:
    description:
      - The data directories are declared to be nobody else's, where that cannot be seen (a network volume, an
        account that may not look at all processes).
      - Who is seen in one (a process, or a container that has it as its data directory) is refused all the
        same.
    type: bool
    default: false
  window:
    description: "Inside a switch: the folder of this host's open window (module C(switch_window)). It is held
      while this works; when it is not open for O(run) any more, nothing is done."
    type: path
  run:
    description: The run that opened O(window).
    type: str
    default: ""
  stage:
    description: The report's stage that this step belongs to.
    type: str
    default: switch
attributes:
  check_mode:
    support: full
    description: Definitions are checked, nothing is started or stopped.
  diff_mode:
    support: full
author: ["reingest"]
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

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ..module_utils.reingest.engines.model import service_from
from ..module_utils.reingest.engines.registry import ENGINE_NAMES, engine_of
from ..module_utils.reingest.engines.spec import SERVICE
from ..module_utils.reingest.errors import Refusal
from ..module_utils.reingest.runs.step import StepClock
from ..module_utils.reingest.services.group import apply_group, plan_group
from ..module_utils.reingest.window.lease import working

ARGUMENT_SPEC: dict[str, Any] = {
    "engine": {"type": "str", "choices": list(ENGINE_NAMES), "required": True},
    "services": {"type": "list", "elements": "dict", "required": True, "options": SERVICE},
    "state": {
        "type": "str",
        "choices": ["started", "stopped", "restarted", "healthy", "checked"],
        "required": True,
    },
    "stop_timeout": {"type": "float", "default": 120},
    "start_timeout": {"type": "float", "default": 60},
    "records": {"type": "path", "required": True},
    "assume": {"type": "dict", "default": {}},
    "exclusive": {"type": "bool", "default": False},
    "window": {"type": "path"},
    "run": {"type": "str", "default": ""},
    "stage": {"type": "str", "default": "switch"},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    params = module.params
    clock = StepClock(params["stage"])
    records = Path(params["records"])
    try:
        engine = engine_of(params["engine"], records)
        services = [service_from(raw) for raw in params["services"]]
        assume = params["assume"] if module.check_mode else {}
        window = Path(params["window"]) if params["window"] and not module.check_mode else None
        # One that is started twice waits for the other, and finds its work done.
        patience = params["stop_timeout"] + params["start_timeout"]
        with working(window, params["run"], patience=patience):
            plan = plan_group(engine, services, params["state"], assume=assume)
            if not module.check_mode or params["state"] == "checked":
                apply_group(
                    engine,
                    plan,
                    stop_timeout=params["stop_timeout"],
                    start_timeout=params["start_timeout"],
                    exclusive=params["exclusive"],
                )
    except Refusal as refusal:
        module.fail_json(msg=str(refusal), step=clock.step([], changed=False))
    except ImportError as error:  # a declared login needs psycopg2, nothing else does
        missing = missing_required_lib(str(error.name), reason="to log in to a PostgreSQL service")
        module.fail_json(msg=missing, step=clock.step([], changed=False))
    module.exit_json(
        changed=plan.changed,
        acted=[service.name for service in plan.act],
        running=list(plan.running),
        diff=plan.diff(),
        step=clock.step(plan.did(), changed=plan.changed),
    )


if __name__ == "__main__":
    main()
