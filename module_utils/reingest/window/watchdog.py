"""The watchdog: one small process on each host of a window, until the window is closed.

It looks each second. When the run has given no sign of life for the window's time and none of its steps
works, or the machine was started anew, it takes the volume over under a name of its own, so that the run can
change nothing any more should it come back to life, and recovers this host. What it cannot do it tries again.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..engines.registry import engine_of, load_engines
from ..errors import Refusal
from ..host.boot import boot_id
from ..volume.layout import Volume, open_volume
from ..volume.lock import Claim, claim, holder, now_text, release
from .closing import close_window
from .ending import end_steps
from .host import Host
from .host_recovery import recover_host
from .launch import LOG, end_watchdog
from .lease import Busy, given_up, held, silence, watching, worker
from .watchdog_claim import watchdog_claim, watchdog_run
from .window_record import Window, boottime, read_window, services

_LOOK_S = 1.0
_LONGEST_PAUSE_S = 60.0


def main() -> None:
    """Watch the window whose records lie in the folder that the command line names."""
    records = Path(sys.argv[1])
    if not records.is_dir():
        return
    load_engines()
    with watching(records) as mine:
        if mine:
            watch(records)


def watch(records: Path) -> None:
    """Watch until the window is closed, by its run or by this."""
    log = _Log(records / LOG)
    first = read_window(records)
    window = first
    other = _Other()
    failures, again = 0, 0.0
    while first is not None and window is not None and window.run == first.run:
        try:
            window = read_window(records)
            if window is not None and boottime() >= again and given_up(records, window):
                if _recover(records, window, other, log):
                    return
                failures += 1
                again = boottime() + min(_LONGEST_PAUSE_S, 2.0**failures)
        except Busy:
            _end_what_hangs(records, window, log)
        except Refusal as refusal:
            log.say(str(refusal))
            failures += 1
            again = boottime() + min(_LONGEST_PAUSE_S, 2.0**failures)
        except Exception as error:  # noqa: BLE001 - a watchdog that dies watches nothing
            log.say(f"{type(error).__name__}: {error}")
            again = boottime() + _LONGEST_PAUSE_S / 4
        time.sleep(_LOOK_S)
    if window is None:
        end_watchdog(records)  # whoever closed the window may have died before it could


def host_of(records: Path, window: Window) -> Host:
    """Return what a record says of its host."""
    return Host(
        records,
        engine_of(window.engine, records),
        open_volume(Path(window.volume)) if window.volume else None,
        services(window.production),
        services(window.staging),
        services(window.writers),
        window.stop_timeout,
        window.start_timeout,
        window.login,
        window.maintenance_off,
        window.poolers,
    )


def _recover(records: Path, window: Window, other: _Other, log: _Log) -> bool:
    """Recover this host; return whether the window is closed."""
    run = watchdog_run(window.run)
    with held(records, run, recovers=True):
        window_now = read_window(records)
        if window_now is None or window_now.run != window.run or not given_up(records, window_now):
            return False  # somebody was faster, or the run lives after all
        window = window_now
        silent = "the machine was started anew" if window.boot != boot_id() else "its run is silent"
        log.say(f"the window of run {window.run} is open since {window.since} and {silent}: recover")
        host = host_of(records, window)
        with _claimed(host.volume, window, run, other):
            end_steps(records, host.volume, window.run)
            found = recover_host(host, window, run=run, operator=window.operator)
            for sentence in found.did:
                log.say(sentence)
            for fault in (*found.faults, *found.warnings):
                log.say(f"not done: {fault}")
            if found.faults:
                return False
            log.say(f"recovered; live: {found.live or 'not known here'}")
            close_window(records, window, by="its watchdog", live=found.live)
    return True


@contextmanager
def _claimed(volume: Volume | None, window: Window, run: str, other: _Other) -> Iterator[None]:
    """Have the volume for the time of the recovery, in the place of the run that is dead."""
    if volume is None:
        yield
        return
    now = holder(volume)
    dead = window.run
    if now is not None and now.run not in (run, window.run) and other.silent(now, window.watchdog):
        dead = now.run  # it was to recover the window before anything else, and died, too
    claim(volume, watchdog_claim(window.run, window.operator), take_over=dead)
    try:
        yield
    finally:
        with suppress(Refusal):
            release(volume, run)


def _end_what_hangs(records: Path, window: Window | None, log: _Log) -> None:
    """End a step of the run that works for longer than any may: it was stopped, or waits for ever."""
    if window is None:
        return
    longest = window.watchdog + window.stop_timeout + window.start_timeout
    who = worker(records)
    if who is not None and not who.recovers and silence(records, window) > longest:
        log.say(f"process {who.pid} of run {who.run} works for more than {longest:.0f} s: end it")
        end_steps(records, None, who.run)


@dataclass
class _Other:
    """The claim of a third run, and since when it has not changed."""

    seen: dict[str, object] = field(default_factory=dict)
    since: float = 0.0

    def silent(self, now: Claim, seconds: float) -> bool:
        """Return whether that claim has not been renewed for so long, by a clock that nobody sets."""
        found = asdict(now)
        if found != self.seen:
            self.seen, self.since = found, boottime()
        return boottime() - self.since > seconds


@dataclass
class _Log:
    """What the watchdog did, a line each; the same line is not said twice in a row."""

    path: Path
    last: str = ""

    def say(self, text: str) -> None:
        """Append a line; a full disk does not keep the watchdog from its work."""
        if text == self.last:
            return
        self.last = text
        with suppress(OSError), self.path.open("a", encoding="utf-8") as out:
            out.write(f"{now_text()} {text}\n")
