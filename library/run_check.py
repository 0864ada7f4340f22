#!/usr/bin/python
"""Ansible module: try on a host, before a run begins, everything that it will need there."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: run_check
short_description: Try on a host, before a run begins, everything that it will need there
description:
  - Tells all that is wrong, not the first of it. Changes nothing, and starts nothing.
  - "Of each service: its definition, whether what runs is healthy, whether the server that answers is the one
    on the declared data directory (by its system identifier, and by who works in that directory), and whether
    anybody else is in there. With O(engine=docker) a container is checked against the inventory: it exists,
    its PGDATA leads to O(services[].data), all PostgreSQL of the list run one image."
  - "Of the volume, where a load is to come (O(loads)): room, whether C(ingest/) can be renamed, modes and
    owners, whether both clusters are of one version, and whether the staging server can have its settings."
  - "Of what proves the switch, while production serves: the portal's address names the release that is live,
    and the backend's own login reads it."
  - "Where users' rows are carried (O(rows)): both logins may do it."
  - "Where clients are held (O(hold)): each pooler answers, may be told to pause, knows the database, and is
    set so that its clients neither leave nor wait longer than the switch takes."
  - What is named V(portal), V(login) or C(health:<service>) may be just what the run puts right. It refuses a
    run that switches to a load (O(switches)) unless O(accept) has the name, and is a warning for others.
options:
  live_release:
    description: The release that is live, on a host without the volume; there the ledger knows it.
    type: str
    default: ""
  production:
    description: The name of the production server, which must run where a snapshot is live; empty is that it
      need not.
    type: str
    default: ""
  staging:
    description: The name of the staging server, which O(staging_dsn) leads to.
    type: str
    default: ""
  found:
    description: What was found wrong for this host before; it is reported with the rest.
    type: list
    elements: str
    default: []
  portal_url:
    description: Where users go; empty where it is not asked.
    type: str
    default: ""
  portal_release_key:
    description: Which key of its JSON answer names the release; empty is none.
    type: str
    default: ""
  switches:
    description: Whether the run switches to a load.
    type: bool
    default: false
  timeout:
    description: Seconds for each server and address to answer.
    type: float
    default: 10
  loads:
    description: Whether a load is to come; only on the host of the volume.
    type: bool
    default: false
  copies:
    description: Whether a load is copied where it cannot be renamed.
    type: bool
    default: false
  settings:
    description: Whether the staging server has settings of its own while it is loaded.
    type: bool
    default: true
  autovacuum:
    description: Whether it vacuums meanwhile.
    type: bool
    default: false
  keep:
    description: How many earlier snapshots stay beside the live one, as long as the load has room.
    type: int
    default: 2
  keep_days:
    description: Snapshots younger than this many days do not give way to it.
    type: int
    default: 0
  min_free:
    description: What must be free for it in any case.
    type: str
    default: "0"
  rows:
    description: Whether users' rows are carried, for which both logins must be superusers.
    type: bool
    default: false
  production_dsn:
    description: Production, as this host reaches it.
    type: str
    default: ""
  staging_dsn:
    description: The staging server, as this host reaches it. It is asked where it runs.
    type: str
    default: ""
  databases:
    description: Other databases of production that the switch carries whole.
    type: list
    elements: str
    default: []
  hold:
    description: How the portal's clients are held while production is switched; left out where they are not.
    type: dict
    suboptions:
      kind:
        description: What holds them; V(pgbouncer) is what there is.
        type: str
        default: ""
      poolers:
        description: The poolers, as this host reaches them. Needs psycopg2.
        type: list
        elements: dict
        default: []
        suboptions:
          admin:
            description: Connection string of the admin console, without a password.
            type: str
            default: ""
          database:
            description: The portal's database, as the pooler's configuration names it.
            type: str
            default: ""
      blocked:
        description: What becomes of clients whose transaction does not end in time; V(give_up) or V(end).
        type: str
        default: give_up
      restart:
        description: Whether writers are restarted one after the other; V(rolling), or empty.
        type: str
        default: ""
      window:
        description: Seconds that the portal may be away; 0 is that nobody says, and 30 count. Where earlier
          switches predict more, clients may have to wait for that.
        type: float
        default: 0
  accept:
    description: Names of what an operator accepts; V(served) is that nothing proves what is served.
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
    description: Whether C(ingest/) can be renamed is not tried.
  diff_mode:
    support: none
author: ["The reingest developers (!UNKNOWN)"]
"""

EXAMPLES = r"""
- name: Check both servers
  dataportal.reingest.run_check:
    engine: docker
    volume: /srv/pg
    services:
      - {name: db, kind: postgresql, data: /srv/pg/prod, linked: true}
      - {name: db-ingest, kind: postgresql, data: /srv/pg/ingest}
"""

RETURN = r"""
running:
  description: The services that run.
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

from ansible.module_utils.common.text.formatters import human_to_bytes

from ..module_utils.reingest.engines.model import service_from
from ..module_utils.reingest.engines.registry import engine_of
from ..module_utils.reingest.engines.spec import SERVICE
from ..module_utils.reingest.errors import Refusal
from ..module_utils.reingest.poolers.spec import POOLERS
from ..module_utils.reingest.preflight.found import Found, judged
from ..module_utils.reingest.preflight.portal import check_login, check_portal, little_proof
from ..module_utils.reingest.preflight.services import Looked, check_services
from ..module_utils.runner import Call, Outcome, Verb, run_module
from ..module_utils.served_call import SERVED, gap_of, login_of

HELD: dict[str, Any] = {
    "kind": {"type": "str", "default": ""},
    "poolers": POOLERS,
    "blocked": {"type": "str", "default": "give_up"},
    "restart": {"type": "str", "default": ""},
    "window": {"type": "float", "default": 0},
}
OPTIONS: dict[str, Any] = {
    "services": {"type": "list", "elements": "dict", "default": [], "options": SERVICE},
    "production": {"type": "str", "default": ""},
    "staging": {"type": "str", "default": ""},
    "found": {"type": "list", "elements": "str", "default": []},
    "live_release": {"type": "str", "default": ""},
    "portal_url": {"type": "str", "default": ""},
    "portal_release_key": {"type": "str", "default": "", "no_log": False},
    "served": {"type": "dict", "options": SERVED},
    "switches": {"type": "bool", "default": False},
    "timeout": {"type": "float", "default": 10},
    "loads": {"type": "bool", "default": False},
    "copies": {"type": "bool", "default": False},
    "settings": {"type": "bool", "default": True},
    "autovacuum": {"type": "bool", "default": False},
    "keep": {"type": "int", "default": 2},
    "keep_days": {"type": "int", "default": 0},
    "min_free": {"type": "str", "default": "0"},
    "rows": {"type": "bool", "default": False},
    "production_dsn": {"type": "str", "default": "", "no_log": True},
    "staging_dsn": {"type": "str", "default": "", "no_log": True},
    "databases": {"type": "list", "elements": "str", "default": []},
    "hold": {"type": "dict", "options": HELD},
    "accept": {"type": "list", "elements": "str", "default": []},
}


def check(call: Call) -> Outcome:
    """Try everything, and tell all that is wrong."""
    engine = engine_of(call["engine"], call.records)
    services = [service_from(raw) for raw in call["services"]]
    exclusive, timeout = call["exclusive"], call["timeout"]
    looked = check_services(engine, services, exclusive=exclusive, timeout=timeout)
    live, release = _live(call)
    found = [
        *map(Found, call["found"]),
        *looked.found,
        *_stopped(call, looked, live),
        *_of_volume(call, live),
    ]
    if call["portal_url"]:
        found += check_portal(call["portal_url"], call["portal_release_key"], release, timeout=timeout)
    if call["rows"] and live:
        from ..module_utils.reingest.preflight.volume import check_rights

        logins = [call["production_dsn"]]
        logins += [call["staging_dsn"]] if call["staging"] in looked.running else []
        found += check_rights(logins, call["databases"])
    if call["hold"]:
        from ..module_utils.hold_faults_call import faults_of_hold

        found += faults_of_hold(call, serves=call["production"] in looked.running)
    gap, proofs = _proof(call, looked, live, release)
    refused, told = judged([*found, *proofs], call["accept"], switches=call["switches"])
    told += [*gap, *little_proof(call["portal_url"], call["portal_release_key"])]
    return Outcome(
        did=gap,
        values={"running": list(looked.running)},
        warnings=told,
        failure="\n".join(refused),
        findings=refused,
        listed=True,
    )


def _live(call: Call) -> tuple[str, str]:
    """Return the snapshot that is live, and its release; on a host without the volume only that."""
    if not call["volume"]:
        return "", str(call["live_release"])
    from ..module_utils.reingest.volume.layout import live_snapshot
    from ..module_utils.reingest.volume.ledger import readable_ledger

    live = live_snapshot(call.volume)
    return live, readable_ledger(call.volume).release(live) if live else ""


def _stopped(call: Call, looked: Looked, live: str) -> list[Found]:
    name = call["production"]
    if not live or name not in looked.stopped:  # in neither list where nothing can be seen: a finding
        return []
    return [Found(f"{name} does not run, although prod leads to {live}: start it with playbooks/recover.yml")]


def _of_volume(call: Call, live: str) -> list[Found]:
    if not call["loads"]:
        return []
    from ..module_utils.reingest.preflight.volume import Load, check_volume

    try:
        least = int(human_to_bytes(call["min_free"]))
    except ValueError as error:
        return [Found(f"min_free: {error}")]
    load = Load(call["keep"], call["keep_days"], least, call["copies"], call["settings"], call["autovacuum"])
    return check_volume(call.volume, live, load, exclusive=call["exclusive"], dry=call.check)


def _proof(call: Call, looked: Looked, live: str, release: str) -> tuple[list[str], list[Found]]:
    """Return what is accepted although nothing proves it, and why the proof would not hold."""
    if not call["served"]:
        return [], []
    try:
        gap, login = gap_of(call), login_of(call)
    except Refusal as refusal:
        return [], [Found(str(refusal))]
    found: list[Found] = []
    if login is not None and live and call["production"] in looked.running:
        data = Path(call["served"]["data"])
        found = check_login(login, live, loaded=bool(release), data=data)
    return [gap] if gap else [], found


def main() -> None:
    """Run the module."""
    run_module(Verb(check, stage="preflight", lock="tries what the run needs"), OPTIONS)


if __name__ == "__main__":
    main()
