"""Run ansible-playbook, and say what it does: a line for each play, and how far a load is.

Usage: play.py LOG COMMAND... All that the command says is in the log; of a failure it is printed, too.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

_PLAY = re.compile(r"PLAY \[(.+?)\] \*+")
_PROGRESS = re.compile(r"demo: (total .*)")


def main() -> int:
    """Follow the command to its end; return its exit code."""
    log, command = Path(sys.argv[1]), sys.argv[2:]
    began = time.monotonic()
    lines = {**os.environ, "PYTHONUNBUFFERED": "1"}  # as they come, not in blocks
    with (
        log.open("w", encoding="utf-8") as kept,
        subprocess.Popen(  # noqa: S603 - what demo/up gives
            command, env=lines, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as running,
    ):
        for line in running.stdout or ():
            kept.write(line)
            kept.flush()
            told = shown(line)
            if told:
                print(f"{time.monotonic() - began:7.1f} s  {told}", flush=True)
    if running.returncode:
        print(log.read_text(encoding="utf-8"), end="", file=sys.stderr)
    return running.returncode


def shown(line: str) -> str:
    """Return what is said of a line of ansible-playbook; empty where it is not worth one."""
    for pattern, indent in ((_PLAY, ""), (_PROGRESS, "  ")):
        found = pattern.match(line)
        if found:
            return indent + " ".join(found[1].split())
    return ""


if __name__ == "__main__":
    sys.exit(main())
