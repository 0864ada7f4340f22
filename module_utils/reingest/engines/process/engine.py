"""Services as plain processes, for machines without containers.

A small shell stays with each service, so that its exit code is known although the module that started it is
long gone.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import Refusal
from ...fs.durable_record import own_text
from ...host.processes import USUAL_UMASK, send, started_at, started_in
from ..model import POSTGRESQL, Service, Stopped
from ..record_file import record_file

# $1 is where the process is put down (its line in /proc, which holds its start time), $2 where its exit code
# goes, the rest is the service. Each file is there as a whole or not at all.
_KEEPER = (
    'process=$1 code=$2; shift 2; { "$@" & cat /proc/$!/stat > "$process.new"; mv "$process.new" "$process"; '
    'wait $!; echo $? > "$code.new"; mv "$code.new" "$code"; } &'
)
_POLL_S = 0.02
_APPEAR_S = 10.0
_LAST = 8192  # bytes of a log that are looked at


@dataclass(frozen=True)
class ProcessEngine:
    """Runs services below one folder of records and logs."""

    records: Path

    def running(self, service: Service) -> bool:
        """Return whether the process that was started is still that process."""
        return self._pid(service) is not None

    def returns(self, service: Service) -> bool:  # noqa: ARG002 - the protocol's
        """Return False: nothing starts a plain process again."""
        return False

    def held(self, service: Service) -> bool:  # noqa: ARG002 - the protocol's
        """Return False: a stop puts nothing aside."""
        return False

    def containers(self, service: Service) -> tuple[str, ...]:  # noqa: ARG002 - the protocol's
        """Return none."""
        return ()

    def processes(self, service: Service) -> tuple[int, ...]:
        """Return the process that was started, while it runs."""
        pid = self._pid(service)
        return () if pid is None else (pid,)

    def faults(self, service: Service) -> list[str]:
        """Return whether there is something to run, and an account and a folder to run it in."""
        if not service.command:
            return [f"service {service.name} has no command: add it to the service in the inventory"]
        faults = []
        path = service.environment.get("PATH", os.environ.get("PATH", ""))
        if shutil.which(service.command[0], path=path) is None:
            faults.append(f"service {service.name}: {service.command[0]} is not an executable on this host")
        if service.user and os.geteuid() == 0 and not _account(service.user):
            faults.append(f"service {service.name}: there is no account {service.user!r} on this host")
        if service.directory is not None and not service.directory.is_dir():
            faults.append(
                f"service {service.name}: its directory {service.directory} is not there: create it"
            )
        return faults

    def group_faults(self, services: Sequence[Service]) -> list[str]:  # noqa: ARG002 - the protocol's
        """Return nothing: all processes of a host run with its accounts and its C library."""
        return []

    def start(self, service: Service) -> None:
        """Start the command under its keeper, detached; one that runs is left running."""
        if self.running(service):
            return
        self.records.mkdir(mode=0o700, parents=True, exist_ok=True)
        process, code, log = (self._file(service, kind) for kind in ("process", "code", "log"))
        for stale in (process, code):
            stale.unlink(missing_ok=True)
        account = _account(service.user) if service.user and os.geteuid() == 0 else None
        command = list(service.command)
        if account is not None:
            ids = ["--reuid", str(account.pw_uid), "--regid", str(account.pw_gid), "--clear-groups"]
            command = ["setpriv", *ids, "--", *command]
        with log.open("ab") as out:
            subprocess.run(  # noqa: S603 - the command is the inventory's own
                ["/bin/sh", "-c", _KEEPER, "reingest-keeper", str(process), str(code), *command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=service.directory or "/",
                env={**os.environ, **service.environment},
                start_new_session=True,
                umask=USUAL_UMASK,
                check=True,
            )
        deadline = time.monotonic() + _APPEAR_S
        while not process.exists():
            if time.monotonic() > deadline:
                raise Refusal(f"service {service.name} did not start within {_APPEAR_S:.0f} s; see {log}")
            time.sleep(_POLL_S)

    def prepare_stop(self, service: Service) -> None:
        """Do nothing: see ``returns``."""

    def stop(self, service: Service, timeout: float) -> Stopped:
        """Send SIGINT to a PostgreSQL (fast shutdown), SIGTERM to anything else, and wait.

        Raises:
            Refusal: it still runs after ``timeout`` seconds (it is not killed), or nobody knows how it ended.
        """
        pid = self._pid(service)
        if pid is None:
            return Stopped(None)
        number = signal.SIGINT if service.kind == POSTGRESQL else signal.SIGTERM
        send(pid, started_at(pid) or "", number)
        deadline = time.monotonic() + timeout
        while self._pid(service) is not None:
            if time.monotonic() > deadline:
                raise Refusal(
                    f"service {service.name} (process {pid}) still runs {timeout:.0f} s after it was asked "
                    f"to stop; it was not killed: look at {self._file(service, 'log')} and stop it, or raise "
                    "reingest_stop_timeout"
                )
            time.sleep(_POLL_S)
        code = self._file(service, "code")
        while not code.exists():
            if time.monotonic() > deadline:
                raise Refusal(
                    f"service {service.name} ended, but its exit code is not known: its keeper was killed"
                )
            time.sleep(_POLL_S)
        return Stopped(int(own_text(code)))

    def healthy(self, service: Service) -> bool | None:
        """Return False once the process is gone; a process alone says nothing more."""
        return None if self.running(service) else False

    def last_words(self, service: Service) -> str:
        """Return the last lines of the log, however long the service has made it; no part of a line."""
        log = self._file(service, "log")
        if not log.is_file():
            return ""
        with log.open("rb") as file:
            before = max(0, file.seek(0, os.SEEK_END) - _LAST)
            file.seek(before)
            lines = file.read(_LAST).decode("utf-8", "replace").splitlines()
        return " | ".join(lines[1 if before else 0 :][-3:])

    def _file(self, service: Service, kind: str) -> Path:
        return record_file(self.records, service.name, kind)

    def _pid(self, service: Service) -> int | None:
        try:
            line = own_text(self._file(service, "process"))
        except FileNotFoundError:
            return None
        if not line.strip():
            return None  # it ended before its keeper could look at it
        pid = int(line.split(maxsplit=1)[0])
        started = started_in(line)
        return pid if started is not None and started_at(pid) == started else None


def _account(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None
