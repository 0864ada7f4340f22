"""Compare the plan that a dry run's report printed with what the run's report then printed as done.

Standard input: {"planned": output of the dry run, "done": output of the run}. Exit code 1 when they differ.
"""

from __future__ import annotations

import json
import re
import sys

# "load          3.2 s  start db-ingest", and further sentences of the stage below it
_STAGE = re.compile(r"^\s*(?P<stage>[a-z]+) +\d+\.\d s  (?P<did>.*)$")
_MORE = re.compile(r"^\s{24,}(?P<did>\S.*)$")


def sentences(output: str) -> list[str]:
    """Return "stage: sentence" for all that the report in a run's output says."""
    found: list[str] = []
    stage = ""
    for line in output.splitlines():
        begins, more = _STAGE.match(line), _MORE.match(line)
        if begins:
            stage = begins["stage"]
            found.append(f"{stage}: {begins['did']}")
        elif more and stage:
            found.append(f"{stage}: {more['did']}")
    return found


def main() -> None:
    """Compare, print both when they differ."""
    outputs = json.load(sys.stdin)
    planned, done = sentences(outputs["planned"]), sentences(outputs["done"])
    if planned != done or not any(line.startswith("switch: ") for line in done):
        print("planned:", *planned, "done:", *done, sep="\n  ")
        sys.exit(1)
    print(f"{len(done)} steps, as planned")


if __name__ == "__main__":
    main()
