"""Bring one host's part of the portal to where it belongs, after a switch that failed or whose run died.

It is the undo of a run that still lives, the first step of the next one, recover.yml, and the watchdog's.

The rename of ``prod`` is the commit point, see ``promotion.recovery``. Forward means also: the new server and
this host's writers get healthy on the new snapshot; if they do not, the promotion is taken back. Every step
finds its work done when it comes again, so a recovery that dies is resumed by the next one; and what can
be started is started, also when a step before it failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from ..engines.model import Service
from ..errors import Refusal
from ..postgres.ready import stops
from ..postgres.working import working_in
from ..promotion.journal import begun_in
from ..promotion.recovery import apply_recovery, plan_recovery
from ..services.group import STARTED, STOPPED, apply_group, plan_group
from ..volume import ledger as ledger_file
from ..volume.layout import Volume, live_snapshot
from ..volume.ledger import readable_ledger
from ..volume.lock import check_run, verb
from .held_clients import end_maintenance, hold_clients, let_go
from .host import Host, Outcome, Told
from .users_rows import open_served, take_written_since
from .window_record import Window, write_window

_ATTEMPTS = 2  # a service that was still ending when it was looked at is started the second time


@dataclass
class _Told:
    """What was done and what could not be; in a dry run also the states that services are brought into."""

    dry: bool
    did: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    assume: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def tell(self, other: Told) -> None:
        """Add what became of users' rows, or of clients."""
        self.did += other.did
        self.faults += other.faults
        self.warnings += other.warnings

    def apart(self) -> _Told:
        """Return one whose faults are its own."""
        return replace(self, faults=[])


def recover_host(
    host: Host,
    window: Window | None,
    *,
    run: str,
    operator: str,
    failed: str = "",
    serves: bool | None = None,
    dry: bool = False,
) -> Outcome:
    """Recover one host; the caller holds the host's window, and ``run`` has the volume.

    Args:
        host: what the host has.
        window: the window that is open on it; None: only the volume's journal is, or nothing.
        run: the run that recovers.
        operator: who runs it.
        failed: why the switch of the window is taken back although its run got past the commit point.
        serves: on a host without the volume: whether there is a production; None: nobody could tell.
        dry: check mode: plan, change nothing.

    Raises:
        Refusal: ``run`` does not have the volume.
    """
    if host.volume is None:
        return _without_volume(host, window, serves=serves, dry=dry)
    check_run(host.volume, run, dry=dry)
    switch = _Switch(host, window, run, operator, *_origin(host.volume, window, run, failed))
    told = _Told(dry)
    if window is not None and switch.reason and not window.failed:
        _write_reason(told, host, window, switch.reason)
    live, settled = _directories(switch, told)
    broken = _start_serving(host, told, live, run)
    new = live == switch.snapshot and not readable_ledger(host.volume).proven(live)
    if broken and new and not switch.reason and not dry:
        why = f"run {switch.of_run} died inside its switch, and {live} does not get healthy: "
        why += "; ".join(broken)
        switch = replace(switch, reason=why)
        if window is not None:
            _write_reason(told, host, window, why)
        live, settled = _directories(switch, told)
        broken = _start_serving(host, told, live, run)
    told.faults += broken
    if not broken:
        told.tell(end_maintenance(host, dry=told.dry))
    apart = told.apart()
    if settled:  # else a server would make a new database where the load is to go back to
        _start(host, apart, host.staging)
    if settled and not broken and not switch.reason and live and live == switch.snapshot and not dry:
        _record_good(switch, host.volume)
    return Outcome(live, tuple(told.did), tuple(told.faults), switch.reason, (*told.warnings, *apart.faults))


@dataclass(frozen=True)
class _Switch:
    """The switch that is brought to its end."""

    host: Host
    window: Window | None
    run: str  # the run that recovers
    operator: str
    of_run: str  # the run whose switch it is
    snapshot: str  # what it leads to; empty: none was begun
    reason: str  # why it is taken back; empty: it is not


def _origin(volume: Volume, window: Window | None, run: str, failed: str) -> tuple[str, str, str]:
    if window is not None:
        snapshot = window.snapshot if window.snapshot != window.previous else ""
        return window.run, snapshot, window.failed or failed
    begun = begun_in(volume)
    if begun is None:
        return run, "", ""  # a switch whose window was closed is never taken back
    return begun.run, begun.snapshot, failed if begun.run == run else ""


def _without_volume(host: Host, window: Window | None, *, serves: bool | None, dry: bool) -> Outcome:
    told = _Told(dry)
    if serves is not False:  # else the first promotion was taken back: there is nothing to write to
        _start(host, told, host.writers)
    if not told.faults:
        told.tell(end_maintenance(host, dry=told.dry))
    if serves is None and window is not None and not window.previous:
        # A first promotion: only the volume's host knows whether there is a production. They wait for it.
        told.faults.clear()
    return Outcome("", tuple(told.did), tuple(told.faults))


def _directories(switch: _Switch, told: _Told) -> tuple[str, bool]:
    """Bring the directories and ``prod`` to where they belong.

    Returns:
        What is live then, and whether all went well.
    """
    host, volume = switch.host, switch.host.volume
    assert volume is not None  # noqa: S101 - for the type checker: only hosts of the volume come here
    try:
        plan = plan_recovery(volume, failed=switch.reason, run=switch.of_run, dry=True)
        if plan.moves:
            _keep_away(host, told)
            if plan.failed is not None and plan.live and plan.before != plan.live and not told.dry:
                rows = take_written_since(
                    volume,
                    host.login,
                    left=plan.before,
                    target=plan.live,
                    run=switch.run,
                    of_run=switch.of_run,
                    serve=lambda: _serve_again(host, told),
                )
                told.tell(rows)
            servers = told.apart()
            _stop(host, servers, host.production + host.staging)
            if servers.faults:
                told.faults += servers.faults
                return live_snapshot(volume), False
        told.did += plan.did()
        if told.dry:
            return plan.live, True
        with verb(volume, switch.run, phase="recovers"):
            plan = plan_recovery(volume, failed=switch.reason, run=switch.of_run)
            if plan.changed:
                apply_recovery(volume, plan, run=switch.run, operator=switch.operator)
    except Refusal as refusal:
        told.faults.append(str(refusal))
    else:
        return plan.live, True
    try:
        return live_snapshot(volume), False
    except Refusal:
        return "", False  # told above


def _serve_again(host: Host, told: _Told) -> None:
    """Start a production that is gone, for the rows in it; one that runs unhealthily is asked as it is."""
    if _running(host, host.production) != {service.name for service in host.production}:
        _start(host, told.apart(), host.production)


def _write_reason(told: _Told, host: Host, window: Window, reason: str) -> None:
    """Write why the switch is taken back, before it is: whoever goes on with it takes it back, too."""
    if told.dry:
        return
    try:
        write_window(host.records, replace(window, failed=reason))
    except OSError as error:  # a full disk; the portal is brought back all the same
        told.faults.append(f"{host.records}: why the switch is taken back is not written ({error.strerror})")


def _record_good(switch: _Switch, volume: Volume) -> None:
    if readable_ledger(volume).proven(switch.snapshot):
        return
    why = "its server and the writers beside it were healthy when the switch was recovered"
    run, operator = switch.run, switch.operator
    with verb(volume, run, phase="recovers"):
        ledger_file.append(volume, ledger_file.GOOD, switch.snapshot, run=run, operator=operator, why=why)


def _start_serving(host: Host, told: _Told, live: str, run: str) -> list[str]:
    """Start production and the writers beside it where there is a live snapshot; return what went wrong."""
    if not live:
        return []
    broken = told.apart()
    _start(host, broken, host.production)
    assert host.volume is not None  # noqa: S101 - for the type checker
    rows = open_served(host.volume, host.login, live=live, run=run, dry=told.dry)
    if rows.did and broken.faults:  # a database that was left renamed is there again
        broken.faults.clear()
        _start(host, broken, host.production)
    broken.tell(rows)
    if not broken.faults:
        broken.tell(let_go(host, dry=told.dry))
    # Writers without their server are started all the same: they may come up when it does.
    _start(host, told.apart() if broken.faults else broken, host.writers)
    return broken.faults


def _keep_away(host: Host, told: _Told) -> None:
    """Keep the writers from production: their clients are held, or they are stopped."""
    held = hold_clients(host, dry=told.dry)
    told.tell(held)
    if not held.did:
        _stop(host, told, host.writers)


def _start(host: Host, told: _Told, services: Sequence[Service]) -> None:
    """Start services and wait until they are healthy, those first stopped that are no good as they run."""
    leaving = [service for service in services if not told.dry and _leaves(host, service)]
    _stop(host, told, leaving)
    last = told.apart()
    for _ in range(_ATTEMPTS):
        last = told.apart()
        before = _running(host, services)
        _bring(host, last, services, STARTED)
        if not last.faults or not before - _running(host, services):
            break
    told.faults += last.faults


def _leaves(host: Host, service: Service) -> bool:
    """Return whether a server ends already, or works in the directory that was live before."""
    if service.data is None or service.name not in _running(host, [service]):
        return False
    return stops(service.place) or not working_in(service.data).seen


def _stop(host: Host, told: _Told, services: Sequence[Service]) -> None:
    _bring(host, told, services, STOPPED)


def _bring(host: Host, told: _Told, services: Sequence[Service], state: str) -> None:
    if not services:
        return
    try:
        plan = plan_group(host.engine, services, state, assume=told.assume)
    except Refusal as refusal:
        if len(services) == 1:
            told.faults.append(str(refusal))
        for service in services if len(services) > 1 else ():
            _bring(host, told, [service], state)  # one that is not there does not keep the others down
        return
    told.did += plan.did()
    if told.dry:
        told.assume.update({service.name: state for service in services})
        return
    try:
        apply_group(
            host.engine,
            plan,
            stop_timeout=host.stop_timeout,
            start_timeout=host.start_timeout,
            exclusive=True,  # where others cannot be seen, the switch was made with it
        )
    except Refusal as refusal:
        told.faults.append(str(refusal))


def _running(host: Host, services: Sequence[Service]) -> set[str]:
    found = set()
    for service in services:
        with suppress(Refusal):  # the engine does not answer: told by what is tried next
            if host.engine.running(service):
                found.add(service.name)
    return found
