"""The pieces of `make test-full`: what passed for the same code is not run again.

Usage: ``python tests/pieces.py [PIECE...]``. A piece that passed is noted in ``build/full/`` with a digest of
the code that it passed for.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
DONE = ROOT / "build/full"
# What each piece runs below tests/integration, the tests of `make test` too.
PIECES = {
    "sources": (
        "ingest",
        "loaders/test_command.py",
        "loaders/test_job.py",
        "loaders/test_patterns.py",
        "sources",
        "portal",
        "test_postgres_versions.py",
    ),
    "rows": ("carry", "frame", "inventory", "ownership", "profile"),
    "volume": (
        "interrupted",
        "nfs",
        "test_collations.py",
        "test_copy_mounts.py",
        "test_finalise.py",
        "test_full_disk.py",
        "test_kind_mounts.py",
        "test_load_settings.py",
        "test_promote_real_server.py",
        "test_window_sessions.py",
    ),
    "engines": (
        "poolers",
        "test_occupancy_docker.py",
        "test_outage_prober.py",
        "test_outage_servers.py",
        "test_served.py",
        "test_service_group_docker.py",
        "test_service_group_process.py",
        "test_systemd.py",
    ),
    "playbooks": (
        "loaders/test_playbook.py",
        "service",
        "test_collection.py",
        "test_playbook_*.py",
        "test_report_hosts.py",
        "test_sbom.py",
        "trust",
    ),
    "watchdog": ("test_watchdog.py",),
}
QUICK_SCENARIOS = ("default",)  # of `make test`
FULL_SCENARIOS = ("check", "unhealthy", "held", "hosts")
OTHERS = {
    "molecule": ["tests/molecule", *FULL_SCENARIOS],
    "matrix": [sys.executable, "tests/matrix"],
}


def paths(piece):
    """Return the test files and folders of a piece."""
    folder = ROOT / "tests/integration"
    return [str(path.relative_to(ROOT)) for each in PIECES[piece] for path in sorted(folder.glob(each))]


def command(piece):
    if piece in OTHERS:
        return OTHERS[piece]
    return ["pytest", *paths(piece), "--numprocesses", "2", "--dist", "loadfile", "--quiet"]


def code():
    """Return a digest of all that git has here or would add."""
    whole = hashlib.sha256()
    for ask in (["rev-parse", "HEAD"], ["diff", "HEAD"]):
        whole.update(subprocess.run(["git", *ask], cwd=ROOT, check=True, capture_output=True).stdout)
    new = ["git", "ls-files", "--others", "--exclude-standard", "-z"]
    for name in subprocess.run(new, cwd=ROOT, check=True, capture_output=True).stdout.split(b"\0")[:-1]:
        whole.update(name + b"\0" + (ROOT / os.fsdecode(name)).read_bytes())
    return whole.hexdigest()


def main(wanted):
    """Run pieces, all of them to their end; return the exit code."""
    unknown = [piece for piece in wanted if piece not in (*PIECES, *OTHERS)]
    if unknown:
        print(f"no such piece: {', '.join(unknown)}; there are {', '.join([*PIECES, *OTHERS])}")
        return 2
    DONE.mkdir(parents=True, exist_ok=True)
    failed = []
    for piece in wanted or [*PIECES, *OTHERS]:
        note, now = DONE / piece, code()
        if note.exists() and note.read_text() == now:
            print(f"full: {piece} passed before for the same code", flush=True)
            continue
        began = time.monotonic()
        good = subprocess.run(command(piece), cwd=ROOT, check=False).returncode == 0
        print(
            f"full: {piece} {'passed' if good else 'FAILED'} in {time.monotonic() - began:.0f} s", flush=True
        )
        if good:
            note.write_text(now)
        else:
            failed.append(piece)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
