"""Which processes work in a directory, in any container of this machine.

A PostgreSQL server works in its data directory. Its own lock file cannot show a server of another container
(each sees itself as process 1), but the inode behind ``/proc/<pid>/cwd`` does.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

_CONTAINER = re.compile(r"[0-9a-f]{64}")
_SERVER = re.compile("postgres|postmaster")


@dataclass(frozen=True)
class Process:
    """A process that works in the directory."""

    pid: int
    name: str
    parent: int
    container: str  # its id, as the control group has it; empty: in none, or in the one that this runs in
    namespace: str  # of process numbers, which a container mostly has of its own


@dataclass(frozen=True)
class Working:
    """What could be seen of the processes in a directory."""

    seen: tuple[int, ...]
    unseen: tuple[int, ...]  # servers of the directory's owner, but this account may not look at them

    def first(self) -> list[Process]:
        """Return those that no other one of them has started: of a server, its first process."""
        found = [process for pid in self.seen if (process := _process(pid)) is not None]
        return [process for process in found if process.parent not in self.seen]


def working_in(path: Path) -> Working:
    """Return the processes whose working directory is this directory; none where there is no directory."""
    try:
        here = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return Working((), ())
    seen, denied = [], []
    for name in os.listdir("/proc"):  # noqa: PTH208 - of every process: half the time of Path
        if not name.isdigit():
            continue
        try:
            there = os.stat(f"/proc/{name}/cwd")  # noqa: PTH116 - as above
        except PermissionError:
            denied.append(int(name))
        except OSError:
            continue  # it has ended
        else:
            if there.st_ino == here.st_ino and there.st_dev == here.st_dev:
                seen.append(int(name))
    return Working(tuple(sorted(seen)), tuple(pid for pid in sorted(denied) if _serves(pid, here.st_uid)))


def container_of(pid: int) -> str:
    """Return the id of the container that a process is in, the innermost; empty: none, or this process's."""
    try:
        text = Path(f"/proc/{pid}/cgroup").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    return innermost(text, _own_containers())


def innermost(text: str, own: Collection[str]) -> str:
    """Return the innermost container of ``/proc/<pid>/cgroup``; empty: none but this process's own.

    An engine within a container need not make a control group in every hierarchy.
    """
    for line in text.splitlines():
        found = _CONTAINER.findall(line)
        if found and found[-1] not in own:
            return str(found[-1])
    return ""


def namespace_of(pid: int) -> str:
    """Return the namespace of process numbers that a process is in; empty: this one's, or not told."""
    try:
        found = Path(f"/proc/{pid}/ns/pid").readlink()
    except OSError:
        return ""
    return "" if found == Path("/proc/self/ns/pid").readlink() else str(found)


def _own_containers() -> Collection[str]:
    return _CONTAINER.findall(Path("/proc/self/cgroup").read_text(encoding="ascii", errors="replace"))


def _process(pid: int) -> Process | None:
    try:
        line = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    name = line[line.index("(") + 1 : line.rindex(")")]  # it may itself hold spaces and brackets
    return Process(pid, name, int(line.rpartition(")")[2].split()[1]), container_of(pid), namespace_of(pid))


def _serves(pid: int, account: int) -> bool:
    """Return whether it is a server of that account: its name and accounts may be read of any process.

    Others of the account are no matter, and may never be looked at: sshd's, a key agent.
    """
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    told = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    return str(account) in told["Uid"].split() and _SERVER.search(told["Name"]) is not None
