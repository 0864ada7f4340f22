"""A power cut: the volume on a file system of its own in a file; what the file holds is what a cut leaves.

The verb is killed at a system call and the backing file is copied while the file system is still mounted:
what had not reached the device is not in the copy. The copy is mounted, which replays its journal.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from crash import strace
from crash.trial import Outcome, Plan
from crash.volumes import copy_of

from plugins.module_utils.reingest.volume.layout import Volume

FILE_SYSTEMS = {
    # Everything written at once by mkfs: what the kernel does later in the background is no part of the test.
    "ext4": (
        128,
        ["mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0"],
        "noatime",
    ),
    "xfs": (320, ["mkfs.xfs", "-q", "-f"], "noatime,nouuid"),
}


@dataclass(frozen=True)
class Disk:
    """A file system in a file, with a volume on it."""

    kind: str
    image: Path

    @contextlib.contextmanager
    def mounted(self, at):
        """Mount it and give the volume's path."""
        at.mkdir(exist_ok=True)
        options = f"loop,{FILE_SYSTEMS[self.kind][2]}"
        _run("mount", "-t", self.kind, "-o", options, self.image, at)
        try:
            yield at / "volume"
        finally:
            _run("umount", at)

    def copied(self, to):
        """Copy it, as it is on the device at this moment."""
        _run("cp", "--sparse=always", self.image, to)
        return Disk(self.kind, to)


def missing():
    """Return why no file system can be mounted here; empty when it can."""
    if os.geteuid() != 0:
        return "only root can mount a file system"
    for kind, (_, command, _) in FILE_SYSTEMS.items():
        if shutil.which(command[0]) is None:
            return f"{command[0]} is not installed (package {'xfsprogs' if kind == 'xfs' else 'e2fsprogs'})"
    found = subprocess.run(["losetup", "--find"], capture_output=True, text=True, check=False)
    return "" if found.returncode == 0 else f"there is no loop device: {found.stderr.strip()}"


def make_disk(templates, kind, base, folder):
    """Make a disk with a copy of a volume, everything on the device."""
    size, command, _ = FILE_SYSTEMS[kind]
    image = folder / f"{kind}-{base}.img"
    with image.open("wb") as out:
        out.truncate(size << 20)
    _run(*command, image)
    disk = Disk(kind, image)
    with disk.mounted(folder / "made") as volume:
        copy_of(templates.base(base), volume)
    return disk


def plan(templates, disk, operation, work):
    """Return what the operation does on this file system: where it is to be cut (see ``trial.plan``)."""
    with _prepared(disk, work) as (_, volume):
        begun = operation.find_begun(volume, work)
    with _prepared(disk, work) as (_, volume):
        _work_in_ingest(templates, operation, volume)
        operation.prepare(volume, work, begun)
        _, points = strace.trace(operation.verb, volume, work)
    return begun, tuple(points)


def cut(templates, planned: Plan, disk, point, work):
    """Cut the power just before a point."""
    operation = planned.operation
    with _prepared(disk, work) as (used, volume):
        _work_in_ingest(templates, operation, volume)
        operation.prepare(volume, work, planned.begun)
        hit = strace.killed(operation.verb, volume, work, point)
        left = used.copied(work / "left")
    wrong = [] if hit else ["the verb was not killed there"]
    with left.mounted(work / "mounted") as volume:  # where it was: the window names it
        _start_again(templates, volume)
        wrong += planned.judge(templates, volume)
    left.image.unlink()
    return Outcome(operation.name, f"power cut, {disk.kind}", str(point), tuple(wrong))


def _work_in_ingest(templates, operation, volume):
    """Let a server work in the load that is to be promoted, as the staging server does until the window."""
    if operation.stages:
        with templates.servers.running(Volume(volume).ingest) as connection, connection.cursor() as cursor:
            cursor.execute("create table looked_at as select count(*) from release")


def _start_again(templates, volume):
    """Start and stop the staging server, as the next load does, where its stop was not on disk yet."""
    ingest = Volume(volume).ingest
    if (ingest / "postmaster.pid").exists():
        with templates.servers.running(ingest):
            pass


@contextlib.contextmanager
def _prepared(disk, work):
    used = disk.copied(work / "used")
    with used.mounted(work / "mounted") as volume:
        yield used, volume
    used.image.unlink()


def _run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
