"""Ask the portal one request after the other, 10 ms apart, until a file says stop; then write what was seen.

Usage: ``prober.py URL FOLDER``; it reads ``FOLDER/prober.stop`` and writes ``FOLDER/prober.json``.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from pathlib import Path

INTERVAL_S, LONGEST_S = 0.01, 600
MOST = 20  # failures that are written down


def main(url: str, folder: Path) -> None:
    """Ask until the file is there, or for ten minutes."""
    asked, worst, failed, releases = 0, 0.0, [], []
    ends = time.monotonic() + LONGEST_S
    while not (folder / "prober.stop").exists() and time.monotonic() < ends:
        began = time.monotonic()
        asked += 1
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - the scenario's own portal
                release = json.load(answer)["release"]
        except (OSError, ValueError, KeyError) as error:
            failed.append(f"{asked}: {error}")
        else:
            worst = max(worst, time.monotonic() - began)
            releases += [release] if release not in releases else []
        time.sleep(max(0.0, began + INTERVAL_S - time.monotonic()))
    seen = {"asked": asked, "failed": failed[:MOST], "releases": releases, "worst_ms": round(worst * 1000)}
    staged = folder / "prober.json.new"
    staged.write_text(json.dumps(seen))
    staged.replace(folder / "prober.json")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
