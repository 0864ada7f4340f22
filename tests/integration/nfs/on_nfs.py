"""What reingest does on a real NFS volume: runs in the machine that test_nfs starts, prints a line a step."""

# ruff: noqa: E402 - where the modules are is said first
from __future__ import annotations

import fcntl
import os
import sys
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from clusters import core_of

from plugins.module_utils.reingest.adoption.adopt import apply_adoption, plan_adoption
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.fs.durable import make_own_directory
from plugins.module_utils.reingest.postgres.control import read_control
from plugins.module_utils.reingest.promotion.finalised import FinaliseRecord
from plugins.module_utils.reingest.promotion.promote import apply_promotion, plan_promotion
from plugins.module_utils.reingest.promotion.recovery import apply_recovery, plan_recovery
from plugins.module_utils.reingest.volume import ledger as ledger_file
from plugins.module_utils.reingest.volume.kind import kind_of, probe_exchange, refuse_kind
from plugins.module_utils.reingest.volume.layout import Volume
from plugins.module_utils.reingest.volume.ledger import read_ledger
from plugins.module_utils.reingest.volume.lock import Claim, claim, verb

A, OPERATOR = "20261101T000000Z", "0000-0002-1825-0097"


def refused(attempt):
    try:
        attempt()
    except Refusal as refusal:
        return str(refusal)
    return "not refused"


def kinds(volume):
    kind = kind_of(volume, exchanges=probe_exchange(volume))
    print("kind:", kind.name, kind.source)
    print("lost:", "; ".join(kind.lost))
    print("unnamed:", refused(lambda: refuse_kind(volume, kind, "")))
    print("named:", refused(lambda: refuse_kind(volume, kind, "nfs4")))
    print("another:", refused(lambda: refuse_kind(volume, kind, "nfs")))


def adoption(volume, template):
    """Let a real ``prod`` become a snapshot where nothing can be exchanged."""
    volume.prod.mkdir(mode=0o755)
    core_of(template, volume.prod, 1)
    volume.prod.chmod(0o755)
    now = datetime(2026, 12, 24, 18, tzinfo=timezone.utc)
    print("hidden:", *plan_adoption(volume, now).refused())
    plan = plan_adoption(volume, now, exclusive=True)
    apply_adoption(volume, plan, run="run", operator=OPERATOR, exclusive=True)
    print("adopted:", volume.prod.readlink(), [entry.state for entry in read_ledger(volume).entries])
    print("settled:", not plan_adoption(volume, now, exclusive=True).changed)


def promotion(volume, template):
    core_of(template, volume.ingest, 2)
    control = read_control(volume.ingest)
    settings = {"fsync": "on", "full_page_writes": "on", "wal_level": control.wal_level}
    record = FinaliseRecord(control.checkpoint_lsn, control.timeline, settings, "2026-11-23T12:00:00+00:00")
    detail = {"system_identifier": "2", **record.detail()}
    ledger_file.append(volume, ledger_file.LOADED, A, run="run", operator=OPERATOR, detail=detail)
    claim(volume, Claim("run", OPERATOR, "here/boot", 1, "1", "2026-11-23T12:00:00+00:00"))
    with verb(volume, "run", phase="promotes"):
        plan = plan_promotion(volume, "", loaded=A, dry=False, exclusive=True)
        apply_promotion(volume, plan, run="run", operator=OPERATOR, kind="ingest", exclusive=True)
    print("promoted:", volume.prod.readlink(), sorted(path.name for path in volume.ingest.iterdir()))
    found = plan_recovery(volume, failed="unhealthy", run="run")
    apply_recovery(volume, found, run="run", operator=OPERATOR)
    print("taken back:", volume.prod.readlink())


def second_lock(volume):
    """Return whether a lock that is held can be taken by another open file, as by another process."""
    make_own_directory(volume.records)
    handles = [os.open(volume.records / "try.lock", os.O_RDWR | os.O_CREAT) for _ in range(2)]
    fcntl.flock(handles[0], fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        fcntl.flock(handles[1], fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def main():
    volume = Volume(Path(sys.argv[1]) / "volume")
    volume.ingest.mkdir(parents=True, mode=0o700)
    template = Path(sys.argv[2])
    kinds(volume)
    adoption(volume, template)
    promotion(volume, template)
    print("second lock:", second_lock(volume))


main()
