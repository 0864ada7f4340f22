"""Recover a host if a switch was cut short on it, and close its window."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace

from ..volume.layout import live_snapshot
from .closing import by_run, close_window
from .host import Host, Outcome
from .interrupted import interrupted, read_open
from .lease import held, refresh
from .window_record import put_aside, read_closed


@dataclass(frozen=True)
class Found:
    """What a recovery found on its host."""

    of_run: str  # the run whose window was open; empty: none was
    ended_by: str  # who had closed the window of the run that asks; empty: nobody had


def recover_window(
    host: Host,
    *,
    run: str,
    operator: str,
    failed: str = "",
    serves: bool | None = None,
    start: bool = False,
    dry: bool = False,
) -> tuple[Found, Outcome]:
    """Recover a host if a switch was cut short on it, and close its window when all is well.

    Args:
        host: what the host has.
        run: the run that recovers; it has the volume.
        operator: who runs it.
        failed: why the run takes its own switch back; empty: whatever is found is brought to its end.
        serves: on a host without the volume: whether there is a production; None: nobody could tell.
        start: start what does not run also when nothing was cut short.
        dry: check mode: plan, change nothing.

    Raises:
        Refusal: another process works in the window, or ``run`` does not have the volume.
    """
    records = host.records
    window, damaged = read_open(records)
    if not dry and window is not None and window.run != run:
        from .ending import end_sessions, end_steps

        end_steps(records, host.volume, window.run)
        end_sessions(host.production + host.staging, window.run)
    with (
        nullcontext()
        if dry
        else held(records, run, recovers=True, patience=2 * (host.stop_timeout + host.start_timeout))
    ):
        window, damaged = read_open(records)
        closed = read_closed(records)
        by = closed.by if closed is not None and closed.run == run and window is None else ""
        by = "" if by == by_run(run) else by
        found = Found("" if window is None else window.run, by)
        if not (start or damaged or interrupted(window, host.volume)):
            return found, Outcome(live_snapshot(host.volume) if host.volume is not None else "")
        if not dry:
            with suppress(OSError):  # a full disk keeps nobody from starting what is stopped
                refresh(records)
        from .host_recovery import recover_host  # most runs find nothing to recover

        if window is not None:  # what its run wrote down counts, not what the inventory says by now
            host = replace(host, poolers=window.poolers, maintenance_off=window.maintenance_off)
        outcome = recover_host(
            host, window, run=run, operator=operator, failed=failed, serves=serves, dry=dry
        )
        if outcome.faults or dry:
            return found, outcome
        if damaged:
            put_aside(records)
        if window is not None:
            close_window(records, window, by=by_run(run), live=outcome.live)
    return found, outcome
