"""States of loads for the tests."""

from __future__ import annotations

from plugins.module_utils.reingest.host.boot import machine
from plugins.module_utils.reingest.load.progress import Progress, TableProgress


def table(name="biosample", state="loading", rows=1000, size=600, total=1000, seconds=10.0):
    return TableProgress(name, state, rows, size, total, seconds, seconds)


def load(*tables, **values):
    """Return a load that runs for a minute, its tables filled for ten seconds."""
    known = all(one.total for one in tables)
    given = {
        "run": "run-1",
        "operator": "0000-0002-1825-0097",
        "staging": "db:5432",
        "release": "r1",
        "snapshot": "20261123T114500Z",
        "phase": "copy",
        "state": "running",
        "message": "",
        "line": "",
        "started": "2026-11-23T11:45:00.000+00:00",
        "heartbeat": "2026-11-23T11:46:00.000+00:00",
        "machine": machine(),
        "process": 4711,
        "process_started": "1",
        "seconds": 60.0,
        "rows": sum(one.rows for one in tables),
        "bytes": sum(one.bytes for one in tables),
        "total": sum(one.total for one in tables) if known else 0,
        "fill_seconds": 10.0,
    }
    return Progress(**{**given, **values}, tables=tables)
