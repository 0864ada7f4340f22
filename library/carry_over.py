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
    choices: [carried, taken, opened, fenced, lifted]
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
step:
  description: What was done, for the report.
  returned: always
  type: dict
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..module_utils.reingest.volume.layout import live_snapshot
from ..module_utils.runner import Call, Outcome, Verb, run_module

if TYPE_CHECKING:
    from ..module_utils.reingest.carry.fence import Patience
    from ..module_utils.reingest.carry.survey import Survey

_STATES = ["carried", "taken", "opened", "fenced", "lifted"]
OPTIONS: dict[str, Any] = {
    "state": {"type": "str", "choices": _STATES, "required": True},
    "production_dsn": {"type": "str", "required": True, "no_log": True},
    "staging_dsn": {"type": "str", "default": "", "no_log": True},
    "databases": {"type": "list", "elements": "str", "default": []},
    "snapshot": {"type": "str", "default": ""},
    "drain": {"type": "float", "default": 5},
    "give_up": {"type": "float", "default": 15},
    "longest": {"type": "float", "default": 3600},
    "plan_only": {"type": "bool", "default": False},
}
_MOST_NAMES = 12  # of tables on one line


def carry(call: Call) -> Outcome:
    """Carry, take, or put the rows and open the database; fence a load, or open it again."""
    if call["state"] == "lifted":
        return _lifted(call)
    if not live_snapshot(call.volume):
        return Outcome(values={"needed": False, "rows": {}, "lines": []}, planned=call["plan_only"])
    if call["state"] == "opened":
        return _opened(call)
    if call["state"] == "fenced":
        return _fenced(call)
    if call.check:
        return _planned(call)
    return _carried(call) if call["state"] == "carried" else _taken(call)


def _planned(call: Call) -> Outcome:
    from ..module_utils.reingest.fs.sizes import shown_bytes

    found = _surveyed(call)
    verb = "carry" if call["state"] == "carried" else "take"
    did = [f"{verb} {rows:,} rows of users: {table}" for table, rows in found.rows.items()]
    if found.objects:
        did.append(f"{verb} {found.objects:,} large objects that they name")
    did += [f"{verb} database {name}, {shown_bytes(size)}" for name, size in found.databases.items()]
    if did:
        sessions = f"{found.connected} session{'' if found.connected == 1 else 's'}"
        did.append(f"fence production, which ends {sessions}" if found.connected else "fence production")
    if call["state"] == "carried":
        did += [f"replace {owner}-owned tables: {_some(names)}" for owner, names in found.owners.items()]
    values = {"needed": found.needed, "rows": dict(found.rows), "lines": did}
    detail = {
        "counted_seconds": found.seconds,
        "bytes": found.size,
        "connected": found.connected,
        "owners": {owner: list(names) for owner, names in found.owners.items()},
    }
    return Outcome(found.needed, did, values, detail=detail, warnings=found.told, planned=call["plan_only"])


def _surveyed(call: Call) -> Survey:
    from ..module_utils.reingest.carry.survey import survey

    return survey(
        call.volume,
        call["production_dsn"],
        live=_live(call),
        staging="" if call["state"] == "taken" else call["staging_dsn"],
        target=call.volume.snapshot(call["snapshot"]) if call["state"] == "taken" else None,
        coming=call.dry_run,
        databases=call["databases"],
    )


def _some(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _carried(call: Call) -> Outcome:
    from ..module_utils.reingest.carry.carry_over import Servers, carry_over
    from ..module_utils.reingest.carry.survey import loaded_database

    database = loaded_database(call["staging_dsn"])
    servers = Servers(call["production_dsn"], call["staging_dsn"], database)
    made = carry_over(call.volume, servers, live=_live(call), run=call.run, patience=_patience(call))
    did = [f"carry {line}" for line in made.lines]
    did += made.did
    did += [f"end the session {ended}" for ended in made.ended]
    values = {"needed": True, "rows": dict(made.rows), "lines": list(made.lines)}
    detail = {"rows": dict(made.rows), "seconds": dict(made.seconds)}
    return Outcome(True, did, values, detail=detail, warnings=made.warnings)


def _taken(call: Call) -> Outcome:
    from ..module_utils.reingest.carry.record import fence_in
    from ..module_utils.reingest.carry.survey import loaded_database
    from ..module_utils.reingest.carry.take import take_rows

    database = loaded_database(call["production_dsn"])
    target = fence_in(call.volume, call.volume.snapshot(call["snapshot"]))
    if not database and target is not None and target.load:
        database = target.database
    if not database:  # one that reingest never loaded: only the snapshot that is to serve is fenced
        return Outcome(values={"needed": False, "rows": {}, "lines": []})
    made = take_rows(
        call.volume,
        call["production_dsn"],
        database,
        live=_live(call),
        target=call.volume.snapshot(call["snapshot"]),
        run=call.run,
        taken=call.run,
        patience=_patience(call),
        databases=call["databases"],
    )
    did = [*made.lines, *(f"end the session {ended}" for ended in made.ended)]
    values = {"needed": True, "rows": dict(made.rows), "lines": list(made.lines)}
    return Outcome(True, did, values, detail={"rows": dict(made.rows)})


def _opened(call: Call) -> Outcome:
    from ..module_utils.reingest.carry.give_back import open_database
    from ..module_utils.reingest.postgres.control import read_control

    if call.check:
        return Outcome(values={"needed": True, "rows": {}, "lines": []})
    server = read_control(_live(call)).system_identifier
    made = open_database(call.volume, call["production_dsn"], server, run=call.run, patience=_patience(call))
    values = {"needed": bool(made.did), "rows": {}, "lines": list(made.did)}
    return Outcome(bool(made.did), made.did, values, warnings=(*made.kept, *made.warnings))


def _fenced(call: Call) -> Outcome:
    """Fence the load, once it is known that it can take the rows: not after hours of copying."""
    if not call.check:
        _lift(call)  # of this very step, started before and dead since: nobody could look into it
    found = _surveyed(call)
    values = {"needed": found.needed, "rows": dict(found.rows), "lines": []}
    did = ["fence the load until it has the users' rows"] if found.needed else []
    if call.check or not found.needed:
        return Outcome(found.needed, did, values, warnings=found.told, planned=call["plan_only"])
    from ..module_utils.reingest.carry.load_fence import fence_load
    from ..module_utils.reingest.carry.survey import loaded_database

    login = call["staging_dsn"]
    database, patience = loaded_database(login), _patience(call)
    ended = fence_load(call.volume, login, database, run=call.run, patience=patience)
    did += [f"end the session {one}" for one in ended]
    return Outcome(True, did, values, warnings=found.told)


def _lifted(call: Call) -> Outcome:
    from ..module_utils.reingest.postgres.dsn import Unreachable

    opened: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    try:
        opened = _lift(call)
    except Unreachable as error:  # only the next load needs that server, and opens it then
        warnings = (f"the load in {call.volume.ingest} stays fenced: {error}",)
    did = [f"lift the fence of the load's database {name}" for name in opened]
    values = {"needed": bool(did), "rows": {}, "lines": []}
    return Outcome(bool(did), did, values, warnings=warnings)


def _lift(call: Call) -> tuple[str, ...]:
    from ..module_utils.reingest.carry.record import fence_in

    there = fence_in(call.volume, call.volume.ingest)
    if there is None or call.check:
        return () if there is None else (there.database, *(other.name for other in there.databases))
    from ..module_utils.reingest.carry.load_fence import lift_load_fence

    return lift_load_fence(call.volume, call["staging_dsn"])


def _live(call: Call) -> Path:
    return call.volume.snapshot(live_snapshot(call.volume))


def _patience(call: Call) -> Patience:
    from ..module_utils.reingest.carry.fence import Patience

    return Patience(call["drain"], call["give_up"], call["longest"])


@contextmanager
def held(call: Call) -> Iterator[None]:
    """Hold the open window of the switch, and give signs of life: rows may take longer than its watchdog."""
    from ..module_utils.reingest.window.lease import beating, working

    records = call.records if call["window"] else None
    with working(records, call.run, patience=call.patience), beating(records, call["longest"]):
        yield


def main() -> None:
    """Run the module."""
    run_module(Verb(carry, stage="switch", lock="carries users' rows over", hold=held), OPTIONS)


if __name__ == "__main__":
    main()
