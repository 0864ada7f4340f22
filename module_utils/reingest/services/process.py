"""Services as plain processes, for machines without containers.

A small shell stays with each service, so that its exit code is known although the module that started it is long gone.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ..errors import Refusal
from .model import POSTGRESQL, Service, Stopped

# $1 is where the process id goes, $2 where the exit code goes, the rest is the service.
_KEEPER = 'pid_file=$1 code_file=$2; shift 2; "$@" & echo $! > "$pid_file"; wait $!; echo $? > "$code_file"'
_POLL_S = 0.02


@dataclass(frozen=True)
class ProcessEngine:
    """Runs services below one folder of records and logs."""

    records: Path

    def running(self, service: Service) -> bool:
        """Return whether the process that was started is still that process."""
        return self._pid(service) is not None

    def faults(self, service: Service) -> list[str]:
        """Return whether there is something to run, and an account to run it under."""
        if not service.command:
            return [f"service {service.name} has no command: add it to reingest_services"]
        faults = []
        path = service.environment.get("PATH", os.environ.get("PATH", ""))
        if shutil.which(service.command[0], path=path) is None:
            faults.append(f"service {service.name}: {service.command[0]} is not an executable on this host")
        if service.user and os.geteuid() == 0 and not _account(service.user):
            faults.append(f"service {service.name}: there is no account {service.user!r} on this host")
        return faults

    def start(self, service: Service) -> None:
        """Start the command under its keeper, detached from the module."""
        self.records.mkdir(parents=True, exist_ok=True)
        state, log = self._file(service, "json"), self._file(service, "log")
        pid_file, code_file = self._file(service, "pid"), self._file(service, "code")
        for stale in (pid_file, code_file, state):
            stale.unlink(missing_ok=True)
        account = _account(service.user) if service.user and os.geteuid() == 0 else None
        command = list(service.command)
        if account is not None:
            ids = ["--reuid", str(account.pw_uid), "--regid", str(account.pw_gid), "--clear-groups"]
            command = ["setpriv", *ids, "--", *command]
        with log.open("ab") as out:
            subprocess.Popen(  # noqa: S603 - the command is the inventory's own
                ["/bin/sh", "-c", _KEEPER, "reingest-keeper", str(pid_file), str(code_file), *command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=service.directory or "/",
                env={**os.environ, **service.environment},
                start_new_session=True,
            )
        deadline = time.monotonic() + 10
        while not (pid_file.exists() and pid_file.read_text().strip()):
            if time.monotonic() > deadline:
                raise Refusal(f"service {service.name} did not start within 10 s; see {log}")
            time.sleep(_POLL_S)
        pid = int(pid_file.read_text())
        state.write_text(json.dumps({"pid": pid, "started": started_at(pid) or ""}), encoding="utf-8")

    def stop(self, service: Service, timeout: float) -> Stopped:
        """Send SIGINT to a PostgreSQL (fast shutdown), SIGTERM to anything else, and wait."""
        pid = self._pid(service)
        if pid is None:
            return Stopped(None)
        os.kill(pid, signal.SIGINT if service.kind == POSTGRESQL else signal.SIGTERM)
        deadline = time.monotonic() + timeout
        while self._pid(service) is not None:
            if time.monotonic() > deadline:
                raise Refusal(f"service {service.name} (process {pid}) still runs {timeout:.0f} s after it was asked to stop")
            time.sleep(_POLL_S)
        code_file = self._file(service, "code")
        while not (code_file.exists() and code_file.read_text().strip()):
            if time.monotonic() > deadline:
                raise Refusal(f"service {service.name} ended, but its exit code is not known: its keeper was killed")
            time.sleep(_POLL_S)
        return Stopped(int(code_file.read_text()))

    def healthy(self, service: Service) -> Optional[bool]:
        """Return False once the process is gone; a process alone says nothing more."""
        return None if self.running(service) else False

    def last_words(self, service: Service) -> str:
        """Return the last lines of the log."""
        log = self._file(service, "log")
        if not log.is_file():
            return ""
        return " | ".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-3:])

    def _file(self, service: Service, kind: str) -> Path:
        return self.records / f"{service.name}.{kind}"

    def _pid(self, service: Service) -> Optional[int]:
        try:
            state = json.loads(self._file(service, "json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        pid = int(state["pid"])
        return pid if state["started"] and started_at(pid) == state["started"] else None


def started_at(pid: int) -> Optional[str]:
    """Return the start time of a process in clock ticks since boot; None when it is gone or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()  # the name before it may hold spaces
    return None if fields[0] in ("Z", "X") else fields[19]


def _account(name: str) -> Optional[pwd.struct_passwd]:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None
