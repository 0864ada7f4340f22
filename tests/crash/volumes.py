"""Volumes with real clusters, as runs leave them; made once, and copied for every point."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from clusters import copy_of, edit_control, initialise, programs, unprivileged
from crash.module import OPERATOR, claim, promote, records_of, release
from crash.server import Programs

from plugins.module_utils.reingest.fs.durable import make_own_directory
from plugins.module_utils.reingest.host.boot import boot_id
from plugins.module_utils.reingest.postgres.control import read_control
from plugins.module_utils.reingest.promotion.finalised import FinaliseRecord
from plugins.module_utils.reingest.volume import ledger as ledger_file
from plugins.module_utils.reingest.volume.layout import Volume
from plugins.module_utils.reingest.window.lease import refresh
from plugins.module_utils.reingest.window.window_record import Window, boottime, write_window

A, B, C = "20261101T000000Z", "20261102T000000Z", "20261103T000000Z"
OLD = ("20261020T000000Z", "20261021T000000Z")  # of few files, so that each can be a point
ROWS = 500
BAD, NEXT, THIRD = "20261124T090000Z-1", "20261124T100000Z-2", "20261124T110000Z-3"  # runs; the first dies
MEMORY = Path("/dev/shm")


def name_of(snapshot):
    """Return the name of the release that a snapshot holds."""
    return f"r{snapshot[:8]}"


def whole(snapshot):
    """Return what its server answers when every row is there (see ``Programs.release``)."""
    name = name_of(snapshot)
    return name, (ROWS, ROWS * (ROWS + 1) // 2, ROWS * 100 * len(name))


def small_place():
    """Return where volumes are made: in memory, where there is room; the file systems have their own test."""
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 2 << 30
    return MEMORY if roomy else Path(tempfile.gettempdir())


@dataclass(frozen=True)
class Templates:
    """The folder in which the clusters and the volumes made of them lie."""

    root: Path
    servers: Programs

    def cluster(self, snapshot):
        return self.root / "clusters" / snapshot

    def base(self, name):
        """Return a volume to copy."""
        return self.root / "bases" / name.replace(" ", "-")

    def copy(self, name, target):
        """Copy a volume; on its host no window is open."""
        remove_volume(target)
        return Path(copy_of(self.base(name), target))

    def system_identifier(self, snapshot):
        return read_control(self.cluster(snapshot)).system_identifier


def make_templates(folder):
    """Make clusters and volumes; ``folder`` is empty."""
    folder.chmod(0o755)
    binaries = programs(16, folder)
    sockets = folder / "s"
    sockets.mkdir(mode=0o777)
    sockets.chmod(0o777)
    made = Templates(folder, Programs(binaries, sockets))
    account = unprivileged()
    clusters = folder / "clusters"
    clusters.mkdir()
    os.chown(clusters, account.pw_uid, account.pw_gid)
    (folder / "bases").mkdir()
    for snapshot in (A, B, C):
        initialise(binaries, made.cluster(snapshot))
        made.servers.fill(made.cluster(snapshot), name_of(snapshot), ROWS)
    for name, build in BASES.items():
        root = made.base(name)
        (root / "ingest").mkdir(parents=True)
        (root / "ingest").chmod(0o700)
        os.chown(root / "ingest", account.pw_uid, account.pw_gid)
        build(made, Volume(root))
        _must(claim(BAD), root)
    return made


def remove_volume(volume):
    """Remove a copy, and what its host has of a window."""
    for folder in (volume, records_of(volume)):
        if folder.exists():
            shutil.rmtree(folder)


def open_window(volume, run, snapshot, previous):
    """Open the window of a run's switch as its host does, without a watchdog, which would recover."""
    window = Window(
        run=run,
        operator=OPERATOR,
        volume=str(volume),
        snapshot=snapshot,
        previous=previous,
        engine="process",
        production=(),
        staging=(),
        writers=(),
        stop_timeout=120,
        start_timeout=60,
        watchdog=60,
        boot=boot_id(),
        opened=boottime(),
        since="2026-11-24T09:30:00+00:00",
    )
    write_window(records_of(volume), window)
    refresh(records_of(volume))


def remove_templates(folder):
    subprocess.run(["rm", "-rf", folder], check=True)


def put_load(made, volume, snapshot):
    """Put a cluster into ``ingest/`` as a finalised load."""
    volume.ingest.rmdir()
    if snapshot in OLD:
        _few_files(made.cluster(A), volume.ingest, snapshot)
    else:
        copy_of(made.cluster(snapshot), volume.ingest)
    control = read_control(volume.ingest)
    settings = {"fsync": "on", "full_page_writes": "on", "wal_level": control.wal_level}
    record = FinaliseRecord(control.checkpoint_lsn, control.timeline, settings, "2026-11-23T12:00:00+00:00")
    detail = {"system_identifier": control.system_identifier, "release": name_of(snapshot), **record.detail()}
    make_own_directory(volume.records)
    _record(volume, ledger_file.LOADED, snapshot, detail)


def _few_files(cluster, target, snapshot):
    """Make a data directory of those files that a promotion looks at; it is never started."""
    for folder in ("global", "base/5", "pg_wal", "pg_tblspc"):
        (target / folder).mkdir(parents=True)
    for name in ("PG_VERSION", "global/pg_control", "base/5/PG_VERSION", "postgresql.conf"):
        shutil.copy2(cluster / name, target / name)
    target.chmod(0o700)
    edit_control(target, identifier=int("".join(digit for digit in snapshot if digit.isdigit())))
    account = unprivileged()
    subprocess.run(["chown", "-R", f"{account.pw_uid}:{account.pw_gid}", target], check=True)


def serve(made, volume, *snapshots):
    """Load, promote and prove one after the other."""
    for snapshot in snapshots:
        put_load(made, volume, snapshot)
        for step in (claim(snapshot), promote(snapshot, loaded=snapshot), release(snapshot)):
            _must(step, volume.root)
        _record(volume, ledger_file.GOOD, snapshot, {})


def _record(volume, state, snapshot, detail):
    ledger_file.append(volume, state, snapshot, run=f"load-{snapshot}", operator=OPERATOR, detail=detail)


def _must(verb, root):
    answer = verb.call(root)
    if not answer.succeeded:
        raise AssertionError(f"{verb}: {answer.text}")


def _first(made, volume):
    """Nothing is live yet, a load waits."""
    put_load(made, volume, A)


def _loaded(made, volume):
    """One is live, a load waits."""
    serve(made, volume, A)
    put_load(made, volume, B)


def _two(made, volume):
    """Two were live one after the other."""
    serve(made, volume, A, B)


def _staged(made, volume):
    """The older of two is live."""
    serve(made, volume, A, B)
    for step in (claim("back"), promote("back", A, kind="promote"), release("back")):
        _must(step, volume.root)


def _many(made, volume):
    """Two of few files are old enough to go."""
    serve(made, volume, *OLD, A, B)


def _many_loaded(made, volume):
    """The same, and a load waits."""
    _many(made, volume)
    put_load(made, volume, C)


BASES = {
    "first": _first,
    "loaded": _loaded,
    "two": _two,
    "staged": _staged,
    "many": _many,
    "many loaded": _many_loaded,
}
