"""Start and end the watchdog: it outlives the module, the login and, where the machine allows, a reboot.

- *systemd*, as root: a unit that is enabled while the window is open. It is started again when it is killed,
  and at the boot of the machine.
- *else* a process of its own session, and where there is cron an ``@reboot`` line. Without cron the next run,
  or recover.yml, does after a reboot what the watchdog would have done.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ..engines.registry import UNITS
from ..errors import Refusal
from ..fs.durable import PRIVATE, replace_file
from ..host.processes import send, started_at
from .lease import remove_signs, watchdog_process, watched
from .pack import packed
from .window_record import Window

APPLICATION, LOG = "reingest-watch.pyz", "watchdog.log"
_UNITS = Path("/etc/systemd/system")
_SYSTEMD = Path("/run/systemd/system")
_APPEAR_S = 20.0
_POLL_S = 0.02

# $1 is the log, the rest the watchdog; it stays behind when the shell ends.
_DETACH = 'log=$1; shift; "$@" < /dev/null >> "$log" 2>&1 &'

_UNIT = """\
[Unit]
Description=reingest: ends a switch whose run died ({records})
Wants=network-online.target
After=network-online.target local-fs.target{units}
{mounts}StartLimitIntervalSec=0

[Service]
ExecStart={command}
Restart=on-failure
RestartSec=1
KillMode=process

[Install]
WantedBy=multi-user.target
"""


def start_watchdog(records: Path, window: Window, main: Callable[[], None]) -> None:
    """Start it, and wait until it watches.

    Args:
        records: the folder of the window's record.
        window: the window.
        main: what the watchdog runs.

    Raises:
        Refusal: it does not come up; nothing was stopped yet.
    """
    end_watchdog(records)
    application = records / APPLICATION
    replace_file(application, packed(main))
    (records / LOG).touch(mode=PRIVATE)
    command = [sys.executable, str(application), str(records)]
    if _under_systemd():
        _start_unit(records, window, command)
    else:
        _start_process(records, command)
        _at_reboot(records, command)
    deadline = time.monotonic() + _APPEAR_S
    while not watched(records):
        if time.monotonic() > deadline:
            raise Refusal(
                f"the watchdog of the window does not come up within {_APPEAR_S:.0f} s: see {records / LOG}; "
                "nothing was stopped"
            )
        time.sleep(_POLL_S)


def end_watchdog(records: Path) -> None:
    """End the watchdog, if it is not this process, and take away all that would start it again."""
    _forget_unit(records)
    _forget_reboot(records)
    who = watchdog_process(records)
    if who is not None and who.pid not in (0, os.getpid()) and started_at(who.pid) == who.started:
        send(who.pid, who.started, signal.SIGTERM)
        while started_at(who.pid) == who.started:
            time.sleep(_POLL_S)
    (records / APPLICATION).unlink(missing_ok=True)
    remove_signs(records)


def unit_name(records: Path) -> str:
    """Return the name of the unit that watches this host's windows of one portal."""
    digest = hashlib.sha256(os.fsencode(records)).hexdigest()[:12]
    return f"reingest-watch-{digest}.service"


def unit_text(records: Path, window: Window, command: list[str]) -> str:
    """Return the unit."""
    paths = " ".join(_quoted(path) for path in (str(records), window.volume) if path)
    return _UNIT.format(
        records=str(records).replace("%", "%%"),
        units="".join(f" {unit}" for unit in UNITS),
        mounts=f"RequiresMountsFor={paths}\n",
        command=" ".join(_quoted(word) for word in command),
    )


def reboot_line(records: Path, command: list[str]) -> str:
    """Return the line of the table of cron."""
    return f"@reboot {shlex.join(command)} # {unit_name(records)}".replace("%", r"\%")


def _under_systemd() -> bool:
    return os.geteuid() == 0 and _SYSTEMD.is_dir() and shutil.which("systemctl") is not None


def _start_unit(records: Path, window: Window, command: list[str]) -> None:
    name = unit_name(records)
    replace_file(_UNITS / name, unit_text(records, window, command).encode())
    for arguments in (["daemon-reload"], ["enable", "--quiet", name], ["restart", name]):
        _systemctl(*arguments)


def _forget_unit(records: Path) -> None:
    name = unit_name(records)
    if not (_UNITS / name).exists():
        return
    _systemctl("disable", "--quiet", name)
    # What is loaded stays until its process ends: a unit without its file would end what it has started, too.
    (_UNITS / name).unlink(missing_ok=True)


def _systemctl(*arguments: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own words
        ["systemctl", *arguments],  # noqa: S607 - wherever the machine has it
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Refusal(f"systemctl {' '.join(arguments)} fails: {done.stderr.strip()}")


def _start_process(records: Path, command: list[str]) -> None:
    subprocess.run(  # noqa: S603 - this Python, and the application that was just written
        ["/bin/sh", "-c", _DETACH, "reingest-watch", str(records / LOG), *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
        check=True,
    )


def _at_reboot(records: Path, command: list[str]) -> None:
    table = _table()
    if table is not None:
        _write_table([*_without(table, records), reboot_line(records, command)])


def _forget_reboot(records: Path) -> None:
    table = _table()
    if table is not None and _without(table, records) != table:
        _write_table(_without(table, records))


def _table() -> list[str] | None:
    """Return this account's table of cron; None where there is no cron, or its table cannot be told."""
    if shutil.which("crontab") is None:
        return None
    done = subprocess.run(["crontab", "-l"], capture_output=True, text=True, check=False)  # noqa: S607
    if done.returncode != 0:
        return [] if "no crontab" in done.stderr else None
    return done.stdout.splitlines()


def _without(table: list[str], records: Path) -> list[str]:
    return [line for line in table if not line.endswith(f"# {unit_name(records)}")]


def _write_table(lines: list[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    # An account that may not use cron has no line there: after a reboot the next run recovers.
    subprocess.run(["crontab", "-"], input=text, text=True, check=False, capture_output=True)  # noqa: S607


def _quoted(word: str) -> str:
    """Return a word as systemd reads it back."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'
