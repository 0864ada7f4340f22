"""Print what the demo's ingests did, in ten lines. Usage: summary.py VOLUME PORTAL, or --newest VOLUME."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from urllib.request import urlopen

_MAIN = ("study", "biosample", "omics_processing", "data_object", "activity")


def main() -> None:
    """Print the last runs, what the portal serves, and what to try next."""
    if sys.argv[1] == "--newest":
        print(max(path.name for path in Path(sys.argv[2]).glob("staging/*")))
        return
    volume, portal = Path(sys.argv[1]), sys.argv[2]
    reports = sorted(volume.glob(".reingest/runs/*/report.json"))
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in reports]
    with urlopen(f"{portal}/health", timeout=10) as reply:  # noqa: S310 - the demo's own address
        health = json.loads(reply.read())
    for run in [run for run in runs if run["playbook"] == "ingest"][-2:]:
        print(f"{run['playbook']} {run['run']}: {_what(run)}")
    tables = health["tables"]
    print(f"the portal serves {health['release']}, snapshot {health['snapshot']}:")
    print("  " + ", ".join(f"{tables[name]:,} {name}" for name in _MAIN))
    print(f"the portal:  {portal}/   (make demo-stop ends it)")
    print("to go on:    . .venv/bin/activate, then for example")
    print("again:       ansible-playbook ingest.yml -i inventories/demo   (changes nothing: it is live)")
    print("a dry run:   ansible-playbook ingest.yml -i inventories/demo -C -D -e reingest_force=true")
    print("back:        ansible-playbook playbooks/rollback.yml -i inventories/demo")
    print("what is:     ansible-playbook playbooks/status.yml -i inventories/demo")


def _what(run: dict[str, Any]) -> str:
    if not run["changed"]:
        return f"nothing to do, {run['seconds']:.1f} s"
    counts = [one for one in run["tables"].values() if one.get("owner") == "source"]
    rows, duplicates = (sum(one[key] for one in counts) for key in ("loaded", "duplicates"))
    orphans = sum(one["orphans"] for one in counts)
    return (
        f"{rows:,} rows loaded, {duplicates:,} duplicates and {orphans} dangling dropped as declared, "
        f"live after {run['seconds']:.1f} s, portal away {run['window_seconds']:.1f} s"
    )


if __name__ == "__main__":
    main()
