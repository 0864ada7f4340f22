"""Time promotions, rollbacks and prunings against the size of what they move.

`make bench-volume`. Everything lies below /var/tmp, or below the folder that is given as an argument.

Promote and rollback: four data directories with a real cluster, padded to 1 GB (written), to 1 TB (sparse
segments of 1 GB, as a table's are), to 1,000 files and to 1,000,000. Each is promoted into a volume with a
live snapshot and rolled back again, by the modules' own functions, the sizes taking turns.
Time is taken of rounds without a tracer. System calls are counted by strace in rounds of their own, from a
mark before the verb to one after it, in namespaces without other processes, containers or mounts to look at:
their number would be the machine's, and another one each time. What reads /proc is counted apart.

Prune: a tree of 100,000 files in the layout of a cluster, and one of a few big files, each written and synced
twice and deleted once by `rm -rf` and once by the volume's own `remove_tree`, in turns. The seconds of the
processor are given beside those of the clock: other work on the machine does not change them.

Prints, and writes to build/bench/volume.json, medians, and the number of calls.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from clusters import edit_control, initialise, programs, unprivileged  # noqa: E402

from plugins.module_utils.reingest.fs.removal import remove_tree  # noqa: E402
from plugins.module_utils.reingest.postgres.control import read_control  # noqa: E402 - the paths come first
from plugins.module_utils.reingest.promotion.finalised import FinaliseRecord  # noqa: E402
from plugins.module_utils.reingest.promotion.promote import (  # noqa: E402
    apply_promotion,
    plan_promotion,
    previous_snapshot,
)
from plugins.module_utils.reingest.volume import ledger  # noqa: E402
from plugins.module_utils.reingest.volume.layout import Volume  # noqa: E402

GB = 1_000_000_000
SEGMENT = 1 << 30
OLD, NEW = "20261101T000000Z", "20261102T000000Z"
OPERATOR = "0000-0002-1825-0097"
SIZES = ("1 GB", "1 TB sparse", "1,000 files", "1,000,000 files")
VERBS = ("promote", "rollback")
BEGIN, END = "/reingest-bench-begin", "/reingest-bench-end"
ALONE = 'mount -t tmpfs none /run && exec "$@"'  # no socket of a Docker engine
_CALL = re.compile(r"^(?:\[pid +\d+\] |\d+ +)?(\w+)\(")
# What an allocator and threads do by themselves is no work on the volume.
NO_WORK = {"brk", "mmap", "munmap", "mprotect", "madvise", "futex", "rt_sigprocmask", "rt_sigaction"}


def pad(data, size):
    """Bring a cluster to a size by files in the directory of one database."""
    folder = data / "base/5"
    if size == "1 GB":
        content = os.urandom(8_000_000)
        for number in range(125):
            (folder / f"9{number:05}").write_bytes(content)
    elif size == "1 TB sparse":
        for number in range(1024):
            with (folder / f"90000.{number}").open("wb") as out:
                out.truncate(SEGMENT)
    else:
        fill(folder, int(size.split()[0].replace(",", "")))
    subprocess.run(["sync", "-f", data], check=True)


def fill(folder, count, content=b""):
    """Make files with names as relations have them."""
    handle = os.open(folder, os.O_RDONLY)
    for number in range(count):
        made = os.open(str(1_000_000 + number), os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=handle)
        if content:
            os.write(made, content)
        os.close(made)
    os.close(handle)


def begin(root, old, data):
    """Return a volume with a live snapshot, and a load in ``ingest/`` that is finalised."""
    volume = Volume(root / "volume")
    volume.records.mkdir(parents=True)
    volume.staging.mkdir()
    for snapshot, place, path in ((OLD, volume.snapshot(OLD), old), (NEW, volume.ingest, data)):
        path.rename(place)
        control = read_control(place)
        record = FinaliseRecord(control.checkpoint_lsn, control.timeline, {}, "")
        detail = {"system_identifier": control.system_identifier, **record.detail()}
        write(volume, ledger.LOADED, snapshot, detail)
        if snapshot == OLD:
            volume.prod.symlink_to(f"staging/{OLD}")
            write(volume, ledger.LIVE, OLD, {"previous": "", "kind": "ingest"})
            write(volume, ledger.GOOD, OLD)
    return volume


def end(volume, old, data):
    """Take the directories out of the volume again."""
    volume.snapshot(OLD).rename(old)
    volume.snapshot(NEW).rename(data)
    shutil.rmtree(volume.root)


def write(volume, state, snapshot, detail=None):
    ledger.append(volume, state, snapshot, run="bench", operator=OPERATOR, detail=detail)


def act(volume, verb):
    """Do what the module does within its verb."""
    if verb == "promote":
        plan = plan_promotion(volume, "", loaded=NEW, dry=False, run="promotes")
    else:
        wanted = previous_snapshot(volume, run="rolls back")
        plan = plan_promotion(volume, wanted, loaded="", dry=False, run="rolls back")
    apply_promotion(volume, plan, run=f"{verb}s", operator=OPERATOR, kind=verb)


def timed(volume):
    """Return the seconds of a promotion and of the rollback after it."""
    seconds = {}
    for verb in VERBS:
        started = time.monotonic()
        act(volume, verb)
        seconds[verb] = time.monotonic() - started
    return seconds


def counted(volume):
    """Return the system calls of a promotion and of the rollback after it, by name."""
    found = {}
    for verb in VERBS:
        log = volume.root.with_name(f"strace.{verb}")
        alone = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", ALONE, "sh"]
        traced = ["strace", "-f", "-y", "-qq", "-s", "200", "-o", log]
        command = [*alone, *traced, sys.executable, __file__, "--act", verb, volume.root]
        subprocess.run(command, check=True)
        found[verb] = calls(log.read_text(errors="replace").splitlines())
        log.unlink()
    return found


def calls(lines):
    """Count the calls between the marks: those on the volume by name, and those on /proc together."""
    inside, work, looks = False, collections.Counter(), 0
    for line in lines:
        if BEGIN in line or END in line:
            inside = BEGIN in line
            continue
        match = _CALL.match(line)
        if not inside or match is None or match[1] in NO_WORK:
            continue
        if '"/proc' in line or "</proc" in line:
            looks += 1
        else:
            work[match[1]] += 1
    return {"calls": sum(work.values()), "on /proc": looks, "by name": dict(sorted(work.items()))}


def mark(path):
    """Make a call that strace shows and that does nothing."""
    os.access(path, os.F_OK)


def promotions(root, binaries, rounds):
    """Return times and calls of promote and rollback for each size."""
    old = root / "old"
    initialise(binaries, old)
    places = {size: root / size.replace(" ", "-").replace(",", "") for size in SIZES}
    for number, (size, data) in enumerate(places.items(), start=7):
        subprocess.run(["cp", "-a", old, data], check=True)
        edit_control(data, identifier=number)
        pad(data, size)
    times = {(size, verb): [] for size in SIZES for verb in VERBS}
    for number in range(rounds):
        for size in SIZES if number % 2 else reversed(SIZES):
            volume = begin(root, old, places[size])
            for verb, seconds in timed(volume).items():
                times[size, verb].append(seconds * 1000)
            end(volume, old, places[size])
    found = {}
    for size, data in places.items():
        volume = begin(root, old, data)
        found[size] = counted(volume)
        end(volume, old, data)
    for data in places.values():
        remove_tree(data)
    return {
        verb: {
            size: {
                "median_ms": round(statistics.median(times[size, verb]), 2),
                "least_ms": round(min(times[size, verb]), 2),
                "most_ms": round(max(times[size, verb]), 2),
                **found[size][verb],
            }
            for size in SIZES
        }
        for verb in VERBS
    }


def small_files(path):
    """Make 100,000 files in the layout of a cluster: databases with relations of a page or none."""
    for database in range(20):
        folder = path / "base" / str(16384 + database)
        folder.mkdir(parents=True)
        fill(folder, 2500)
        fill_numbered = folder / "pages"
        fill_numbered.mkdir()
        fill(fill_numbered, 2500, b"x" * 8192)


def big_files(path):
    """Make segments of a large table."""
    folder = path / "base/16384"
    folder.mkdir(parents=True)
    content = os.urandom(1 << 20)
    for number in range(8):
        with (folder / f"16385.{number}").open("wb") as out:
            for _ in range(256):
                out.write(content)


def prunings(root, rounds):
    """Return the times of `rm -rf` and of a pruning's deletion for both trees."""
    found = {}
    for name, make in (("100,000 files", small_files), ("8 files of 256 MB", big_files)):
        times: dict[str, list[float]] = {"rm -rf": [], "remove_tree": []}
        work: dict[str, list[float]] = {"rm -rf": [], "remove_tree": []}
        for number in range(rounds):
            for way in times if number % 2 else reversed(times):
                path = root / "tree"
                make(path)
                subprocess.run(["sync", "-f", root], check=True)
                started, worked = time.monotonic(), processor()
                if way == "rm -rf":
                    subprocess.run(["rm", "-rf", path], check=True)
                else:
                    removal = remove_tree(path)
                    assert not removal.faults
                times[way].append(time.monotonic() - started)
                work[way].append(processor() - worked)
                assert not path.exists()
        found[name] = {
            kind: {
                **{way: round(statistics.median(taken), 3) for way, taken in seconds.items()},
                "speed_against_rm": round(
                    statistics.median(seconds["rm -rf"]) / statistics.median(seconds["remove_tree"]), 2
                ),
            }
            for kind, seconds in (("clock_s", times), ("processor_s", work))
        }
    return found


def processor():
    """Return the seconds of the processor that this process and its children have used."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, who))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default="/var/tmp", help="where the trees are made")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--act", choices=VERBS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.act:
        mark(BEGIN)
        act(Volume(Path(options.folder)), options.act)
        mark(END)
        return
    root = Path(tempfile.mkdtemp(prefix="reingest-bench-", dir=options.folder))
    root.chmod(0o755)
    os.chown(root, unprivileged().pw_uid, unprivileged().pw_gid)
    try:
        binaries = programs(16, root)
        result = {
            "rounds": options.rounds,
            **promotions(root, binaries, options.rounds),
            "prune": prunings(root, options.rounds),
        }
    finally:
        shutil.rmtree(root)
    target = ROOT / "build/bench/volume.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
