"""From a call of a module to users' rows: surveyed, carried, taken, put; databases fenced and opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .reingest.volume.layout import live_snapshot
from .runner import Call, Outcome, Verb

if TYPE_CHECKING:
    from .reingest.carry.fence import Patience
    from .reingest.carry.survey import Survey

_REFRESHED = "refreshed"
_STATES = ["carried", "taken", "opened", "fenced", "lifted", _REFRESHED]
ROWS: dict[str, Any] = {
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
    """Carry, take, or put the rows and open the database; fence a load, or open it; refresh what waits."""
    if call["state"] == "lifted":
        return _lifted(call)
    if call["state"] == _REFRESHED:
        return _refreshed(call)
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
    from .reingest.fs.sizes import shown_bytes

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
    later = list(found.later if found.needed else ())
    did += [f"refresh materialised view {name} after the window" for name in later]
    values = {"needed": found.needed, "rows": dict(found.rows), "lines": did, "views": later}
    detail = {
        "counted_seconds": found.seconds,
        "bytes": found.size,
        "connected": found.connected,
        "owners": {owner: list(names) for owner, names in found.owners.items()},
    }
    return Outcome(found.needed, did, values, detail=detail, warnings=found.told, planned=call["plan_only"])


def _surveyed(call: Call) -> Survey:
    from .reingest.carry.survey import survey

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
    from .reingest.carry.carry_over import Servers, carry_over
    from .reingest.carry.survey import loaded_database

    database = loaded_database(call["staging_dsn"])
    servers = Servers(call["production_dsn"], call["staging_dsn"], database)
    made = carry_over(call.volume, servers, live=_live(call), run=call.run, patience=_patience(call))
    did = [f"carry {line}" for line in made.lines]
    did += made.did
    did += [f"end the session {ended}" for ended in made.ended]
    values = {
        "needed": True,
        "rows": dict(made.rows),
        "lines": list(made.lines),
        "views": list(made.later),
    }
    detail = {"rows": dict(made.rows), "seconds": dict(made.seconds)}
    return Outcome(True, did, values, detail=detail, warnings=made.warnings)


def _taken(call: Call) -> Outcome:
    from .reingest.carry.record import fence_in
    from .reingest.carry.survey import loaded_database
    from .reingest.carry.take import take_rows

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
    from .reingest.carry.give_back import open_database
    from .reingest.postgres.control import read_control

    if call.check:
        return Outcome(values={"needed": True, "rows": {}, "lines": []})
    server = read_control(_live(call)).system_identifier
    made = open_database(call.volume, call["production_dsn"], server, run=call.run, patience=_patience(call))
    values = {"needed": bool(made.did), "rows": {}, "lines": list(made.did), "views": list(made.later)}
    return Outcome(bool(made.did), made.did, values, warnings=(*made.kept, *made.warnings))


def _refreshed(call: Call) -> Outcome:
    """Refresh what a switch left for after its window; the run that made it may be another one."""
    from .reingest.carry.after_switch import refresh_pending

    made = refresh_pending(call.volume, call["production_dsn"], dry=call.check)
    values = {"needed": bool(made.did or made.warnings), "rows": {}, "lines": list(made.did)}
    return Outcome(bool(made.did), made.did, values, warnings=made.warnings)


def _fenced(call: Call) -> Outcome:
    """Fence the load, once it is known that it can take the rows: not after hours of copying."""
    if not call.check:
        _lift(call)  # of this very step, started before and dead since: nobody could look into it
    found = _surveyed(call)
    values = {"needed": found.needed, "rows": dict(found.rows), "lines": []}
    did = ["fence the load until it has the users' rows"] if found.needed else []
    if call.check or not found.needed:
        return Outcome(found.needed, did, values, warnings=found.told, planned=call["plan_only"])
    from .reingest.carry.load_fence import fence_load
    from .reingest.carry.survey import loaded_database

    login = call["staging_dsn"]
    database, patience = loaded_database(login), _patience(call)
    ended = fence_load(call.volume, login, database, run=call.run, patience=patience)
    did += [f"end the session {one}" for one in ended]
    return Outcome(True, did, values, warnings=found.told)


def lifts(call: Call) -> bool:
    """Return whether it only ends what a run that was cut short left, which any recovery may."""
    return call["state"] in ("lifted", _REFRESHED)


def _lock(call: Call) -> str:
    """Return what is said of who works on the volume; views take hours, and nothing of the volume."""
    return "" if call["state"] == _REFRESHED else "carries users' rows over"


def _lifted(call: Call) -> Outcome:
    from .reingest.postgres.dsn import Unreachable

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
    from .reingest.carry.record import fence_in

    there = fence_in(call.volume, call.volume.ingest)
    if there is None or call.check:
        return () if there is None else (there.database, *(other.name for other in there.databases))
    from .reingest.carry.load_fence import lift_load_fence

    return lift_load_fence(call.volume, call["staging_dsn"])


def _live(call: Call) -> Path:
    return call.volume.snapshot(live_snapshot(call.volume))


def _patience(call: Call) -> Patience:
    from .reingest.carry.fence import Patience

    return Patience(call["drain"], call["give_up"], call["longest"])


@contextmanager
def lively(call: Call) -> Iterator[None]:
    """Give signs of life: rows may take longer than the window's watchdog waits."""
    from .reingest.window.lease import beating

    with beating(call.records if call["window"] else None, call["longest"]):
        yield


CARRIES = Verb(carry, stage="switch", recovers=lifts, lock=_lock, hold=lively)
