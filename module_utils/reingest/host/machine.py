"""What a server may use of its machine: memory and cores, less where its control group allows less."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC, _GROUPS = Path("/proc"), Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Machine:
    """Bytes of memory, and cores."""

    memory: int
    cores: int


def machine_of(pid: int | None, *, proc: Path = _PROC, groups: Path = _GROUPS) -> Machine:
    """Return what a process may use.

    Args:
        pid: the process; None where the server does not run: the whole machine is its then.
        proc: where processes are listed.
        groups: where control groups are mounted.
    """
    memory = _total(proc)
    cores = len(os.sched_getaffinity(0))
    if pid is None:
        return Machine(memory, cores)
    for folder in _folders(proc / str(pid) / "cgroup", groups):
        for name in ("memory.max", "memory.limit_in_bytes"):
            limit = _text(folder / name)
            if limit.isdigit():
                memory = min(memory, int(limit))
        quota, _, period = _text(folder / "cpu.max").partition(" ")
        if quota.isdigit() and period.isdigit():
            cores = min(cores, max(1, int(quota) // int(period)))
    return Machine(memory, cores)


def _total(proc: Path) -> int:
    for line in _text(proc / "meminfo").splitlines():
        name, _, value = line.partition(":")
        if name == "MemTotal":
            return int(value.split()[0]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _folders(listing: Path, groups: Path) -> Iterator[Path]:
    """Yield the folders of a process's groups, and of those around them, whose limits count as well."""
    for line in _text(listing).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue  # of version 1; the cores are not looked up there
        folder = groups / ("memory" if controllers else "") / path.lstrip("/")
        while folder != groups and groups in folder.parents:
            yield folder
            folder = folder.parent


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
