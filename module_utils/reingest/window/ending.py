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
from ..host.processes import started_at
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
    if found is not None and found.run == run and not found.recovers and _end(found.pid, found.started):
        did.append(f"end a step of run {run} that still worked")
    verb = lock.worker(volume) if volume is not None else None
    if verb is not None and verb.run == run and _end(verb.pid, verb.started):
        did.append(f"end a step of run {run} that still worked on the volume")
    return did


def end_sessions(servers: Sequence[Service], run: str) -> None:
    """End the sessions of a dead run on those servers that answer; one that does not answer has none."""
    try:
        from ..postgres.dsn import connect  # needs psycopg2, which not every host of services has
    except ImportError:
        return
    for server in servers:
        if not server.health.postgresql:
            continue
        try:
            with (
                closing(connect(server.health.postgresql, timeout=2, autocommit=True)) as session,
                session.cursor() as cursor,
            ):
                cursor.execute(_SESSIONS, (run,))
        except Refusal:
            continue


def _end(pid: int, started: str) -> bool:
    """Ask a process to end, then end it; return whether it was there."""
    if pid in (0, os.getpid()) or started_at(pid) != started:
        return False
    began = time.monotonic()
    killed = False
    os.kill(pid, signal.SIGTERM)
    while started_at(pid) == started:
        waited = time.monotonic() - began
        if waited > _LONGEST_S:
            raise Refusal(f"process {pid}, a step of a run that is dead, does not end: end it manually")
        if waited > _GRACE_S and not killed:
            os.kill(pid, signal.SIGKILL)
            killed = True
        time.sleep(_POLL_S)
    return True
