"""Start one command, and write down its process and how it ended; outlives the service that started it.

A program of its own, of the standard library only: ``python -I wrapper.py FOLDER``. The folder has
``command.json``; whoever makes ``process.json`` first owns the job, so that a job is never started twice.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

NOT_MINE, NOT_STARTED = 3, 127


def started(pid: int) -> str:
    """Return when a process started, as the kernel tells it; empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def write(path: Path, value: dict[str, Any], *, exclusive: bool = False) -> None:
    """Write a file durably, at once; ``exclusive``: raises FileExistsError where there is one."""
    ready = path.with_name(f".{path.name}.{os.getpid()}")
    with ready.open("w", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    try:
        if exclusive:
            os.link(ready, path)
            ready.unlink()
        else:
            ready.replace(path)
    except FileExistsError:
        ready.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def main(folder: Path) -> int:
    """Run the command of a folder to its end."""
    os.umask(0o077)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # not SIG_IGN, which the command would inherit
    me = {"pid": os.getpid(), "started": started(os.getpid())}
    try:
        write(folder / "process.json", me, exclusive=True)
    except FileExistsError:
        return NOT_MINE
    command = json.loads((folder / "command.json").read_text(encoding="utf-8"))
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    try:
        child = subprocess.Popen(  # noqa: S603 - a list that the service made
            command["argv"],
            cwd=command["cwd"],
            env=command["environment"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    except OSError as error:
        os.write(log, f"{command['argv'][0]} cannot be started: {error}\n".encode())
        code = NOT_STARTED
    else:
        write(folder / "playbook.json", {"pid": child.pid, "started": started(child.pid)})
        code = child.wait()
    write(folder / "exit.json", {"code": code, "at": time.time()})
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
