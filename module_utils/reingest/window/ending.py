"""End what a dead run left alive on this host: a step that still works, and its sessions on the servers."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from ..engines.model import Service
from ..errors import Refusal
from ..fs.lock_file import Worker, holds, worker_at
from ..host.processes import is_module, send, started_at
from ..volume import lock
from ..volume.layout import Volume
from . import lease

_GRACE_S = 3.0
_LONGEST_S = 10.0
_POLL_S = 0.02
_SESSIONS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND position(%s in application_name) > 0
"""


def end_steps(records: Path, volume: Volume | None, run: str) -> list[str]:
    """End the steps of a dead run that still work on this host; a recovery is waited for, not ended.

    Returns:
        One sentence for each.

    Raises:
        Refusal: one does not end.
    """
    did = []
    found = lease.worker(records)
    if found is not None and found.run == run and not found.recovers and _end(lease.lock_of(records), found):
        did.append(f"end a step of run {run} that still worked")
    verb = lock.worker(volume) if volume is not None else None
    if volume is not None and verb is not None and verb.run == run and _end(lock.lock_of(volume), verb):
        did.append(f"end a step of run {run} that still worked on the volume")
    return did


def end_sessions(servers: Sequence[Service], run: str) -> None:
    """End the sessions of a dead run on those servers that answer; one that does not answer has none."""
    try:
        from ..postgres.dsn import connect_as_is  # needs psycopg2, which not every host of services has
    except ImportError:
        return
    for server in servers:
        if not server.health.postgresql:
            continue
        try:
            with (
                closing(connect_as_is(server.health.postgresql, timeout=2)) as session,
                session.cursor() as cursor,
            ):
                cursor.execute(_SESSIONS, (run,))
        except Refusal:
            continue


def _end(path: Path, who: Worker) -> bool:
    """Ask the process that has a file locked to end, then end it; return whether it was there.

    Raises:
        Refusal: it does not end, or is none of ours: the file names it, and nothing proves it.
    """
    if who.pid in (0, os.getpid()) or started_at(who.pid) != who.started:
        return False
    if not (is_module(who.pid) and holds(path, who.pid)):
        if worker_at(path) != who:
            return False  # it ended while it was looked at
        raise Refusal(
            f"{path} says that process {who.pid} is a step of run {who.run}, which is dead, and the process "
            "does not look like one: look what it is; end it, or take the file away"
        )
    began = time.monotonic()
    killed = False
    send(who.pid, who.started, signal.SIGTERM)
    while started_at(who.pid) == who.started:
        waited = time.monotonic() - began
        if waited > _LONGEST_S:
            raise Refusal(f"process {who.pid}, a step of a run that is dead, does not end: end it manually")
        if waited > _GRACE_S and not killed:
            send(who.pid, who.started, signal.SIGKILL)
            killed = True
        time.sleep(_POLL_S)
    return True
