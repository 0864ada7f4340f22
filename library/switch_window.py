#!/usr/bin/python
"""Ansible module: open and close the window of a switch, and recover from one that was cut short."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: switch_window
short_description: Open and close the window of a switch, and recover from one that was cut short
description:
  - A switch stops a portal and starts it again. Its window is the time between; this module makes sure that
    it ends, whatever becomes of the run.
  - O(state=opened) writes down what the host needs to bring its part of the portal back, and starts a
    watchdog there. When no step of the run gave a sign of life for O(watchdog) seconds, or the machine was
    started anew, the watchdog recovers the host by itself, and the run can do nothing any more.
  - O(state=closed) starts what else should run on the host, and says that the switch is proven. The ledger
    calls its snapshot good, the watchdog ends. With services and without O(window) it only starts them.
  - O(state=recovered) is the undo of a switch that failed and the recovery of one whose run died. Before the
    rename of C(prod) it goes back; after it forward, unless O(failed) says why not, or the new server or the
    writers beside it do not get healthy. Then it starts what should run, and closes the window.
  - With O(poolers) the clients of the writers are held instead of writers that are stopped; whoever ends the
    switch lets them go on when production serves. Their connection strings, which hold no password, are
    written down.
  - Of the other connection strings only O(login) is. The watchdog proves a server by what it says in its
    own data directory.
  - A window is bookkeeping of the run, not a change of the system, so opening and closing it is not
    C(changed); starting a service is.
options:
  state:
    description: What becomes of the window.
    type: str
    choices: [opened, closed, recovered]
    required: true
  snapshot:
    description: "O(state=opened): the snapshot that the switch leads to."
    type: str
    default: ""
  previous:
    description: "O(state=opened): the snapshot that is live; empty when there is none."
    type: str
    default: ""
  login:
    description: Production's connection string, of a superuser, where the rows of the portal's users are
      carried. O(state=opened) writes it down, for this account alone, until the window is closed, because
      whoever ends the switch must lift the fence of the database.
    type: str
    default: ""
  staging_login:
    description: "O(state=recovered): the staging server's connection string. A load that was fenced for a
      copy which was cut short is opened; empty: the next load opens it. It is written down nowhere."
    type: str
    default: ""
  maintenance_on:
    description: "O(state=opened): a command, program and arguments, by which the portal says that it is away
      for a moment. Empty is none."
    type: list
    elements: str
    default: []
  maintenance_off:
    description: The command that takes it back. O(state=opened) writes it down, O(state=recovered) runs it
      once the portal serves. It may run twice.
    type: list
    elements: str
    default: []
  start:
    description: "O(state=recovered): start what does not run also when nothing was cut short."
    type: bool
    default: false
  waits:
    description: Whether the run also works on other hosts, for which this one waits. The longer of the two
      timeouts is added to O(watchdog) then.
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
extends_documentation_fragment:
  - dataportal.reingest.context
  - dataportal.reingest.services.switch
  - dataportal.reingest.look
  - dataportal.reingest.poolers
attributes:
  check_mode:
    support: full
    description: Says what a recovery would do; no watchdog is started.
  diff_mode:
    support: none
author: ["The reingest developers (!UNKNOWN)"]
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
volume:
  description: C(live) and its C(release), C(loaded) (the finished load in the staging server), C(lost)
    (whether the machine went down while what the staging server holds was not on disk) and C(fenced) (whether
    a copy of the load that was cut short has fenced it).
  returned: when recovered, with O(look), on the host of the volume
  type: dict
  contains:
    live: {description: The snapshot that serves., type: str}
    loaded: {description: The finished load., type: str}
    lost: {description: Whether it is not to be trusted., type: bool}
    fenced: {description: Whether nobody gets into it., type: bool}
    release: {description: The release of what serves., type: str}
    profiles: {description: Those that were kept of what serves; only for a run that verifies., type: dict}
running:
  description: The services of this host that run afterwards.
  returned: when recovered
  type: list
  elements: str
views_wait:
  description: Whether a switch left materialised views for after its window; see
    M(dataportal.reingest.carry_over).
  returned: when recovered
  type: bool
open:
  description: Whether the window of this run is open on the host.
  returned: success
  type: bool
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
from dataclasses import replace
from typing import Any

from ..module_utils.look_call import LOOK
from ..module_utils.pooler_call import stored_poolers
from ..module_utils.recover_call import recovered
from ..module_utils.reingest.errors import Refusal
from ..module_utils.reingest.host.boot import boot_id
from ..module_utils.reingest.poolers.spec import POOLERS
from ..module_utils.reingest.volume.lock import now_text
from ..module_utils.reingest.window.lease import held
from ..module_utils.reingest.window.window_record import Window, boottime, stored
from ..module_utils.runner import Call, Outcome, Verb, run_module

COMMAND: dict[str, Any] = {"type": "list", "elements": "str", "default": []}
OPTIONS: dict[str, Any] = {
    "state": {"type": "str", "choices": ["opened", "closed", "recovered"], "required": True},
    "snapshot": {"type": "str", "default": ""},
    "previous": {"type": "str", "default": ""},
    **LOOK,
    "poolers": POOLERS,
    "maintenance_on": COMMAND,
    "maintenance_off": COMMAND,
    "login": {"type": "str", "default": "", "no_log": True},
    "staging_login": {"type": "str", "default": "", "no_log": True},
    "start": {"type": "bool", "default": False},
    "failed": {"type": "str", "default": ""},
    "serves": {"type": "bool"},
    "waits": {"type": "bool", "default": False},
}


def opened(call: Call) -> Outcome:
    """Write the window's record, and start the host's watchdog."""
    from ..module_utils.reingest.window.opening import open_window, refuse_open

    with nullcontext() if call.check else held(call.records, call.run, patience=call.patience):
        if call.check:
            refuse_open(call.records, call.run)
        else:
            open_window(call.records, window_of(call))
    did = announced(call)
    return Outcome(did=did, values={"open": True, "live": "", "of_run": "", "ended_by": ""})


def announced(call: Call) -> list[str]:
    """Give the maintenance answer: the window is written down, so whoever ends it takes it away."""
    if not call["maintenance_on"]:
        return []
    if call.check:
        return [f"run {call['maintenance_on'][0]} (reingest_maintenance_on)"]
    from ..module_utils.reingest.services.announce import run_declared

    return [run_declared(call["maintenance_on"], "reingest_maintenance_on")]


def closed(call: Call) -> Outcome:
    """Start what else should run, say that the switch is proven, and end the host's watchdog."""
    live, started = "", []
    services = [*call["production"], *call["staging"], *call["writers"]]
    given = replace(call, params={**call.params, "services": services, "state": "started"})

    def start() -> None:
        if services:
            from ..module_utils.services_call import brought

            started.append(brought(given))

    if call.check or (services and not call["window"]):  # nothing was switched
        start()
    else:
        from ..module_utils.reingest.window.closing import close_proven

        with held(call.records, call.run, patience=call.patience):
            live = close_proven(call.records, **call.who, first=start)
    values = {"open": False, "live": live, "of_run": "", "ended_by": ""}
    return replace(started[0], values=values) if started else Outcome(values=values)


def window_of(call: Call) -> Window:
    """Return the window that the options describe, opened now."""
    longest = max(call["stop_timeout"], call["start_timeout"]) if call["waits"] else 0
    return Window(
        **call.who,
        volume=call["volume"],
        snapshot=call["snapshot"],
        previous=call["previous"],
        engine=call["engine"],
        production=stored(call["production"]),
        staging=stored(call["staging"]),
        writers=stored(call["writers"]),
        stop_timeout=call["stop_timeout"],
        start_timeout=call["start_timeout"],
        login=call["login"],
        watchdog=call["watchdog"] + longest,
        boot=boot_id(),
        opened=boottime(),
        since=now_text(),
        poolers=stored_poolers(call),
        maintenance_off=tuple(call["maintenance_off"]),
    )


def brought_back(call: Call) -> Outcome:
    """Recover the host, see ``recovered``."""
    return recovered(call, failed=call["failed"], serves=call["serves"])


_STATES = {"opened": opened, "closed": closed, "recovered": brought_back}


def act(call: Call) -> Outcome:
    """Open the window, close it, or recover the host."""
    if not (call.run and call["operator"]):
        raise Refusal("the task does not know its run: set `run` and `operator` by module_defaults")
    return _STATES[call["state"]](call)


def main() -> None:
    """Run the module."""
    run_module(Verb(act, stage="switch", claims=False), OPTIONS)


if __name__ == "__main__":
    main()
