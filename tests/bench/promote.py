"""Time a promotion of small and large loads, before and since the load is synced outside the window.

`make bench-promote`. Three directories with a real cluster and 0.1, 1 and 4 GB of files of 8 MB in `base/`.
In each round each of them is promoted three times, planned and applied by the modules' own functions, into a
volume of its own:

- `written`: just written, not synced, and synced as a whole in the window (what a load without fsync left);
- `on_disk`: synced already, and synced as a whole once more in the window (what a load with fsync left);
- `finalised`: as now, with the tree synced before the window.

Prints, and writes to build/bench/promote.json, the medians in milliseconds.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from clusters import initialise, programs, unprivileged  # noqa: E402

from plugins.module_utils.reingest.fs.tree import sync_tree  # noqa: E402
from plugins.module_utils.reingest.postgres.control import read_control  # noqa: E402 - the paths come first
from plugins.module_utils.reingest.promotion.finalised import FinaliseRecord  # noqa: E402
from plugins.module_utils.reingest.promotion.promote import apply_promotion, plan_promotion  # noqa: E402
from plugins.module_utils.reingest.volume import ledger  # noqa: E402
from plugins.module_utils.reingest.volume.layout import Volume  # noqa: E402

ROUNDS = 5
SIZES_GB = (0.1, 1, 4)
CASES = ("written", "on_disk", "finalised")
FILE_BYTES = 8_000_000
SNAPSHOT = "20261101T000000Z"
WHO = {"run": "bench", "operator": "0000-0002-1825-0097"}


def write_files(data, gigabytes):
    """Write the files anew, as a load does; nothing is synced."""
    content = os.urandom(FILE_BYTES)
    folder = data / "base/5"
    for number in range(round(gigabytes * 1e9 / FILE_BYTES)):
        path = folder / f"9{number:05}"
        path.unlink(missing_ok=True)  # a file system may sync a file that is cut to nothing and written again
        path.write_bytes(content)


def promote_once(data, root, *, case):
    """Return the seconds of one promotion of a directory, which lies where it was afterwards."""
    volume = Volume(root / "volume")
    volume.records.mkdir(parents=True)
    data.rename(volume.ingest)
    control = read_control(volume.ingest)
    record = FinaliseRecord(control.checkpoint_lsn, control.timeline, {}, "")
    detail = {"system_identifier": control.system_identifier, **record.detail()}
    ledger.append(volume, ledger.LOADED, SNAPSHOT, **WHO, detail=detail)
    begun = time.monotonic()
    plan = plan_promotion(volume, "", loaded=SNAPSHOT, dry=False)
    if case != "finalised":
        sync_tree(volume.ingest)
    apply_promotion(volume, plan, **WHO, kind="ingest")
    taken = time.monotonic() - begun
    volume.snapshot(SNAPSHOT).rename(data)
    shutil.rmtree(volume.root)
    return taken


def main():
    root = Path(tempfile.mkdtemp(prefix="reingest-bench-", dir="/var/tmp"))
    root.chmod(0o755)
    account = unprivileged()
    os.chown(root, account.pw_uid, account.pw_gid)
    times = {(size, case): [] for size in SIZES_GB for case in CASES}
    try:
        binaries = programs(16, root)
        for size in SIZES_GB:
            initialise(binaries, root / f"data-{size}")
        for _ in range(ROUNDS):
            for size in SIZES_GB:
                data = root / f"data-{size}"
                write_files(data, size)
                for case in CASES:
                    times[size, case].append(promote_once(data, root, case=case))
                    sync_tree(data)
    finally:
        shutil.rmtree(root)
    result = {
        "rounds": ROUNDS,
        "median_ms": {
            f"{size} GB": {case: round(statistics.median(times[size, case]) * 1000, 1) for case in CASES}
            for size in SIZES_GB
        },
        "worst_ms": {
            f"{size} GB": {case: round(max(times[size, case]) * 1000, 1) for case in CASES}
            for size in SIZES_GB
        },
    }
    target = ROOT / "build/bench/promote.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
