#!/usr/bin/python
"""Ansible module: make the steps of a switch on the host of the volume, in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: switch_steps
short_description: Make the steps of a switch on the host of the volume, in one call
description:
  - Between two tasks of a play a second goes by in which the portal is away. So the host of the volume makes
    its steps in one call, in the order that the task states. Before the first of them all code is loaded;
    the servers wrote out what they hold just before (M(dataportal.reingest.outage_watch)).
  - Each step is what the module does that has it alone, with the same refusals, locks and records, and a
    step of the report by itself. The window's record says which one works.
  - "C(stop_writers), C(stop_servers), C(start_production), C(start_writers) are those of
    M(dataportal.reingest.service_group)."
  - "C(hold_clients), with O(poolers): PAUSE at each of them, in place of C(stop_writers). A pooler that is
    restarted meanwhile is paused again. C(release_clients): RESUME, once the server accepts the login of
    O(served), at O(production_dsn)."
  - "C(carry_rows), with O(rows), and C(open_rows), with O(opens): M(dataportal.reingest.carry_over)."
  - "C(promote): M(dataportal.reingest.snapshot_promote)."
  - The first step that fails is the last; what undoes a switch is M(dataportal.reingest.switch_window).
options:
  steps:
    description: The steps, in order. One that has nothing to do is passed over.
    type: list
    elements: str
    choices:
      - stop_writers
      - hold_clients
      - carry_rows
      - stop_servers
      - promote
      - start_production
      - open_rows
      - release_clients
      - start_writers
    required: true
  snapshot:
    description: The snapshot that the switch leads to.
    type: str
    required: true
  loaded:
    description: The load that this run made or found.
    type: str
    default: ""
  release:
    description: The load's release, while the ledger does not have it.
    type: str
    default: ""
  kind:
    description: What the run is, for the ledger.
    type: str
    choices: [ingest, promote, rollback]
    default: promote
  why:
    description: "O(kind=rollback): why the snapshot that is left is bad."
    type: str
    default: ""
  force:
    description: Promote a snapshot that was marked as bad.
    type: bool
    default: false
  rows_left:
    description: Whether users' rows stay behind in the snapshot that is left, which is kept then.
    type: bool
    default: false
  rows:
    description: How the users' rows come along. V(carried) puts them into the load, V(taken) keeps them for
      an earlier snapshot. Empty leaves them where they are.
    type: str
    choices: ["", carried, taken]
    default: ""
  opens:
    description: Whether production is fenced when it starts, and gets the rows and is opened then.
    type: bool
    default: false
  production_dsn:
    description: Production's connection string, of a superuser; needed for rows.
    type: str
    default: ""
  staging_dsn:
    description: The staging server's connection string, of a superuser; needed for O(rows=carried).
    type: str
    default: ""
  databases:
    description: Other databases of production that the dataset gives to the portal.
    type: list
    elements: str
    default: []
  drain:
    description: Seconds that transactions have to end by themselves under the fence.
    type: float
    default: 5
  give_up:
    description: Seconds that ended sessions have to be gone.
    type: float
    default: 15
  longest:
    description: Seconds after which a step that carries rows is taken for one that hangs.
    type: float
    default: 3600
  deadline:
    description:
      - RV(dataportal.reingest.outage_watch#module:deadline), how long the portal may be away. Before each
        step up to V(promote) the time that is gone and the predicted steps that are left are added up; where
        that is too long, the step fails and is not made. A budget of 0, or none, is no deadline.
      - The time runs from the first step of this call, or from the opening of the window on a host without
        writers, whose own are stopped before.
    type: dict
    default: {}
  maintenance_off:
    description: The command that takes the portal's maintenance answer away, once the writers are started.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - dataportal.reingest.context
  - dataportal.reingest.services.switch
  - dataportal.reingest.services.served
  - dataportal.reingest.poolers.hold
attributes:
  check_mode:
    support: full
    description: Plans each step on what the steps before it would bring about.
  diff_mode:
    support: full
author: ["The reingest developers (!UNKNOWN)"]
"""

EXAMPLES = r"""
- name: Stop, promote and start
  dataportal.reingest.switch_steps:
    steps: [stop_writers, carry_rows, stop_servers, promote, start_production, start_writers]
    run: 20261123T114500Z-4711
    operator: 0000-0002-1825-0097
    records: /var/lib/reingest/services
    window: true
    volume: /srv/pg
    snapshot: 20261123T114500Z
    rows: carried
    production_dsn: postgresql://postgres@127.0.0.1:5432/portal
    staging_dsn: postgresql://postgres@127.0.0.1:5433/portal
    engine: docker
    production:
      - {name: db, kind: postgresql, data: /srv/pg/prod, linked: true}
    staging:
      - {name: db-ingest, kind: postgresql, data: /srv/pg/ingest}
    writers:
      - {name: backend}
"""

RETURN = r"""
failed_step:
  description: The step that failed; empty when none did.
  returned: always
  type: str
rows:
  description: How many rows of each table of theirs were carried over.
  returned: always
  type: dict
lines:
  description: The same as sentences.
  returned: always
  type: list
  elements: str
views:
  description: The materialised views that are refreshed once the window is closed
    (M(dataportal.reingest.carry_over) with C(state=refreshed)).
  returned: always
  type: list
  elements: str
step:
  description: What all steps did together; each of them is in the report by itself.
  returned: always
  type: dict
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from ..module_utils.carry_call import ROWS
from ..module_utils.hold_call import HOLD, keeping
from ..module_utils.promote_call import PROMOTION
from ..module_utils.reingest.engines.spec import SERVICE
from ..module_utils.reingest.window.lease import refresh, working
from ..module_utils.runner import Call, Outcome, Verb, made, run_module
from ..module_utils.switch_parts import PARTS, load_code, prepare_stops

_SERVICES: dict[str, Any] = {"type": "list", "elements": "dict", "default": [], "options": SERVICE}
_OF_PROMOTION = ("loaded", "release", "kind", "why", "force", "rows_left")
_OF_ROWS = ("staging_dsn", "databases", "drain", "give_up", "longest")
OPTIONS: dict[str, Any] = {
    "steps": {"type": "list", "elements": "str", "choices": list(PARTS), "required": True},
    "snapshot": {"type": "str", "required": True},
    **{name: PROMOTION[name] for name in _OF_PROMOTION},
    "rows": {"type": "str", "choices": ["", "carried", "taken"], "default": ""},
    "opens": {"type": "bool", "default": False},
    "production_dsn": {"type": "str", "default": "", "no_log": True},
    **{name: ROWS[name] for name in _OF_ROWS},
    **HOLD,
    "maintenance_off": {"type": "list", "elements": "str", "default": []},
    "production": _SERVICES,
    "staging": _SERVICES,
    "writers": _SERVICES,
    "deadline": {"type": "dict", "default": {}},
}


def switch(call: Call) -> Outcome:
    """Make the steps in order; the first that fails is the last."""
    parts = {name: PARTS[name] for name in call["steps"] if PARTS[name].wanted(call)}
    if not call.check:
        load_code(call)
        prepare_stops(call, parts)
    in_time = _deadline(call)
    carried: dict[str, Any] = {"rows": {}, "lines": [], "views": []}
    did: list[str] = []
    warnings: list[str] = []
    before, after, changed, failure, listed, failed_step = "", "", False, "", False, ""
    with ExitStack() as watched:  # poolers, from the hold to the release
        for name, part in parts.items():
            if name == "release_clients":
                watched.close()
            if call["window"] and not call.check:
                refresh(call.records, part.title)
            failure = in_time(name)
            if failure:
                failed_step = part.title
                break
            outcome, _ = made(part.verb, part.call(call))
            did += outcome.did
            warnings += outcome.warnings
            changed = changed or outcome.changed
            carried.update({name: outcome.values[name] for name in carried if outcome.values.get(name)})
            diff = outcome.diff or {}
            before, after = before + diff.get("before", ""), after + diff.get("after", "")
            if outcome.failure:
                failure, listed, failed_step = outcome.failure, outcome.listed, part.title
                break
            if name == "hold_clients" and not call.check:
                watched.enter_context(keeping(call, warnings))
    return Outcome(
        changed,
        did,
        values={"failed_step": failed_step, **carried},
        diff={"before": before, "after": after},
        warnings=warnings,
        failure=failure,
        listed=listed,
        in_parts=True,
    )


def _deadline(call: Call) -> Callable[[str], str]:
    """Return what tells why a step comes too late; only before the rename, where there is a way back."""
    if call.check or not call["deadline"].get("budget"):
        return lambda _: ""
    from ..module_utils.reingest.errors import Refusal
    from ..module_utils.reingest.outage.deadline import deadline_from
    from ..module_utils.reingest.outage.parts import BEFORE_THE_RENAME
    from ..module_utils.reingest.window.window_record import boottime, read_window

    window = read_window(call.records) if call["window"] and not call["writers"] else None
    deadline = deadline_from(call["deadline"], boottime() if window is None else window.opened)

    def late(name: str) -> str:
        try:
            if name in BEFORE_THE_RENAME:
                deadline.refuse_late(name, boottime())
        except Refusal as refusal:
            return str(refusal)
        return ""

    return late


def held(call: Call) -> AbstractContextManager[None]:
    """Hold the open window of the switch."""
    return working(call.records if call["window"] else None, call.run, patience=call.patience)


def main() -> None:
    """Run the module."""
    run_module(Verb(switch, stage="switch", claims=False, hold=held), OPTIONS)


if __name__ == "__main__":
    main()
