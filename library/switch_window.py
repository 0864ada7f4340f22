#!/usr/bin/python
"""Ansible module: open and close the window of a switch, and bring back what one has left."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: switch_window
short_description: Open and close the window of a switch, and bring back what one has left
description:
  - A switch stops a portal and starts it again. Its window is the time between; this module makes sure that
    it ends, whatever becomes of the run.
  - O(state=opened) writes down what the host needs to bring its part of the portal back, and starts a watcher
    there. When no step of the run gave a sign of life for O(dead_man) seconds, or the machine was started
    anew, the watcher recovers the host by itself, and the run can do nothing any more.
  - O(state=closed) says that the switch is proven. The ledger calls its snapshot good, the watcher ends.
  - O(state=recovered) is the undo of a switch that failed and the recovery of one whose run died. Before the
    rename of C(prod) it goes back; after it forward, unless O(failed) says why not, or the new server or the
    writers beside it do not get healthy. Then it starts what should run, and closes the window.
  - Connection strings are not written down. The watcher proves a server by what it says in its own data
    directory.
  - A window is bookkeeping of the run, not a change of the system, so opening and closing it is never
    C(changed).
options:
  state:
    description: What becomes of the window.
    type: str
    choices: [opened, closed, recovered]
    required: true
  run:
    description: The run's id.
    type: str
    required: true
  operator:
    description: ORCID iD of who runs it.
    type: str
    required: true
  records:
    description: This host's folder for restart policies, process ids and logs, and for the window's record.
    type: path
    required: true
  volume:
    description: The volume's path; empty on a host without it.
    type: str
    default: ""
  snapshot:
    description: "O(state=opened): the snapshot that the switch leads to."
    type: str
    default: ""
  previous:
    description: "O(state=opened): the snapshot that is live; empty when there is none."
    type: str
    default: ""
  engine:
    description: What runs this host's services.
    type: str
    choices: [docker, process]
    required: true
  production:
    description: This host's production server, as M(dataportal.reingest.service_group) gets services.
    type: list
    elements: dict
    default: []
    suboptions: &service
      name:
        description: The container's name, or a name for the process.
        type: str
        required: true
      kind:
        description: What it is.
        type: str
        choices: [postgresql, plain, probe]
        default: plain
      data:
        description: A PostgreSQL's data directory as this host sees it.
        type: path
      linked:
        description: Whether the data directory must be a link to a data directory.
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
        description: How it is found healthy.
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
            description: Values that the JSON answer must hold.
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
  staging:
    description: This host's staging server.
    type: list
    elements: dict
    default: []
    suboptions: *service
  writers:
    description: This host's services that write to production.
    type: list
    elements: dict
    default: []
    suboptions: *service
  stop_timeout:
    description: Seconds until a service must have stopped.
    type: float
    default: 120
  start_timeout:
    description: Seconds until a service must be healthy.
    type: float
    default: 60
  dead_man:
    description: Seconds without a sign of life of the run after which it is given up for dead.
    type: float
    default: 60
  waits:
    description: Whether the run also works on other hosts, for which this one waits. The longer of the two
      timeouts is added to O(dead_man) then.
    type: bool
    default: false
  failed:
    description: "O(state=recovered): why the run takes its switch back; empty: it is brought to its end."
    type: str
    default: ""
  serves:
    description: "O(state=recovered), on a host without the volume: whether there is a production to write to.
      Left out: nobody could tell."
    type: bool
  start:
    description: "O(state=recovered): start what does not run also when nothing was cut short."
    type: bool
    default: false
  stage:
    description: The report's stage that this step belongs to.
    type: str
    default: switch
attributes:
  check_mode:
    support: full
    description: Says what a recovery would do; no watcher is started.
  diff_mode:
    support: none
author: ["reingest"]
"""

EXAMPLES = r"""
- name: Bring the portal back after a run that died
  dataportal.reingest.switch_window:
    state: recovered
    run: 20261123T114500Z-4711
    operator: 0000-0002-1825-0097
    records: /var/lib/reingest/services
    volume: /srv/pg
    engine: docker
    production:
      - {name: db, kind: postgresql, data: /srv/pg/prod, linked: true}
"""

RETURN = r"""
live:
  description: The snapshot that is live afterwards; empty when there is none, and without the volume.
  returned: success
  type: str
of_run:
  description: The run whose window was open; empty when none was.
  returned: success
  type: str
ended_by:
  description: Who had closed this run's window before; empty when nobody had.
  returned: success
  type: str
unready:
  description: Why the staging server did not come up; only the next load needs it.
  returned: when recovered
  type: list
  elements: str
step:
  description: What was done, for the report.
  returned: always
  type: dict
"""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ..module_utils.reingest.engines.model import service_from
from ..module_utils.reingest.engines.registry import ENGINE_NAMES, engine_of
from ..module_utils.reingest.engines.spec import SERVICE
from ..module_utils.reingest.errors import Refusal
from ..module_utils.reingest.host.boot import boot_id
from ..module_utils.reingest.runs.step import StepClock
from ..module_utils.reingest.volume.layout import open_volume
from ..module_utils.reingest.volume.lock import now_text
from ..module_utils.reingest.window.lease import held
from ..module_utils.reingest.window.recover import Host
from ..module_utils.reingest.window.switch import (
    close_proven,
    open_window,
    recover_window,
    refuse_open,
)
from ..module_utils.reingest.window.window import Window, boottime, stored

_SERVICES: dict[str, Any] = {"type": "list", "elements": "dict", "default": [], "options": SERVICE}
ARGUMENT_SPEC: dict[str, Any] = {
    "state": {"type": "str", "choices": ["opened", "closed", "recovered"], "required": True},
    "run": {"type": "str", "required": True},
    "operator": {"type": "str", "required": True},
    "records": {"type": "path", "required": True},
    "volume": {"type": "str", "default": ""},
    "snapshot": {"type": "str", "default": ""},
    "previous": {"type": "str", "default": ""},
    "engine": {"type": "str", "choices": list(ENGINE_NAMES), "required": True},
    "production": _SERVICES,
    "staging": _SERVICES,
    "writers": _SERVICES,
    "stop_timeout": {"type": "float", "default": 120},
    "start_timeout": {"type": "float", "default": 60},
    "dead_man": {"type": "float", "default": 60},
    "waits": {"type": "bool", "default": False},
    "failed": {"type": "str", "default": ""},
    "serves": {"type": "bool"},
    "start": {"type": "bool", "default": False},
    "stage": {"type": "str", "default": "switch"},
}


def window_of(params: dict[str, Any]) -> Window:
    """Return the window that the options describe, opened now."""
    longest = max(params["stop_timeout"], params["start_timeout"]) if params["waits"] else 0
    return Window(
        run=params["run"],
        operator=params["operator"],
        volume=params["volume"],
        snapshot=params["snapshot"],
        previous=params["previous"],
        engine=params["engine"],
        production=stored(params["production"]),
        staging=stored(params["staging"]),
        writers=stored(params["writers"]),
        stop_timeout=params["stop_timeout"],
        start_timeout=params["start_timeout"],
        dead_man=params["dead_man"] + longest,
        boot=boot_id(),
        opened=boottime(),
        since=now_text(),
    )


def host_of(params: dict[str, Any]) -> Host:
    """Return what the options say of this host."""
    records = Path(params["records"])
    lists = {name: tuple(map(service_from, params[name])) for name in ("production", "staging", "writers")}
    return Host(
        records=records,
        engine=engine_of(params["engine"], records),
        volume=open_volume(Path(params["volume"])) if params["volume"] else None,
        stop_timeout=params["stop_timeout"],
        start_timeout=params["start_timeout"],
        **lists,
    )


def act(params: dict[str, Any], clock: StepClock, *, check: bool) -> dict[str, Any]:
    """Open, close or recover, or say what would be done; return the module's result."""
    records = Path(params["records"])
    host = host_of(params)
    nothing = {"live": "", "of_run": "", "ended_by": "", "changed": False}
    patience = params["stop_timeout"] + params["start_timeout"]
    if params["state"] == "recovered":
        found, outcome = recover_window(
            host,
            run=params["run"],
            operator=params["operator"],
            failed=params["failed"],
            serves=params["serves"],
            start=params["start"],
            dry=check,
        )
        step = clock.step(outcome.did, changed=outcome.changed)
        if outcome.faults:
            return {"failed": True, "msg": "; ".join(outcome.faults), "step": step}
        told = {"live": outcome.live, "of_run": found.of_run, "ended_by": found.ended_by}
        return {**told, "changed": outcome.changed, "unready": list(outcome.warnings), "step": step}
    with nullcontext() if check else held(records, params["run"], patience=patience):
        if params["state"] == "opened" and check:
            refuse_open(records, params["run"])
        elif params["state"] == "opened":
            open_window(records, window_of(params))
        elif not check:
            nothing["live"] = close_proven(records, run=params["run"], operator=params["operator"])
    return {**nothing, "step": clock.step([], changed=False)}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    clock = StepClock(module.params["stage"])
    try:
        result = act(module.params, clock, check=module.check_mode)
    except Refusal as refusal:
        module.fail_json(msg=str(refusal), step=clock.step([], changed=False))
    except ImportError as error:  # a declared login needs psycopg2, nothing else does
        missing = missing_required_lib(str(error.name), reason="to log in to a PostgreSQL service")
        module.fail_json(msg=missing, step=clock.step([], changed=False))
    for warning in result.get("unready", []):
        module.warn(warning)
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
