"""The staging server's settings while a load runs: quick, and worth nothing in a power cut.

They lie in one file beside ``postgresql.conf``, whose last line includes it, so that it counts before the
rest. What counts before even that, ``postgresql.auto.conf`` and the command line, is respected: PostgreSQL
does not start where the two contradict each other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from ..fs.no_follow import is_there, read_small
from ..host.machine import Machine
from .settings import LOAD_CONF, Setting, is_on, parse_settings

_MIB = 1 << 20
_GIB = 1 << 30
_LINE = f"include_if_exists = '{LOAD_CONF}' # reingest, while a load runs".encode()
_INCLUDED = re.compile(rb"(?:^|(?<=\n))" + re.escape(_LINE) + rb"(?:\n|\Z)")

_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>B|kB|MB|GB|TB)?")
_UNITS = {"B": 1, "kB": 1 << 10, "MB": _MIB, "GB": _GIB, "TB": 1 << 40}
_BARE = {"max_wal_size": _MIB, "maintenance_work_mem": 1 << 10, "shared_buffers": 8 << 10}  # without a unit

# What a load changes that the rows do not depend on, and that production should not be left with.
LOAD_TIME = ("synchronous_commit", "autovacuum", "archive_mode", "max_wal_senders")

# PostgreSQL starts with `wal_level = minimal` only where nothing wants to ship or to read the WAL.
_MINIMAL_WAL = {"wal_level": "minimal", "max_wal_senders": "0"}  # and no archive
_SUMMARIZES_FROM = 17  # summarize_wal is of 17, and an unknown name keeps an older server from starting


def load_settings(
    major: int,
    machine: Machine,
    *,
    free: int,
    own: Mapping[str, Setting],
    stronger: Mapping[str, Setting],
    slots: bool,
    autovacuum: bool,
) -> dict[str, str]:
    """Return the settings, by name, as a file has them.

    Args:
        major: PostgreSQL's version, 14 to 18.
        machine: what the server may use.
        free: bytes that are free on the volume; the WAL may take an eighth of them.
        own: what the cluster's files set without these; of memory it never gets less than they give it.
        stronger: what the command line and ``postgresql.auto.conf`` set.
        slots: whether the cluster has replication slots, which want their WAL.
        autovacuum: whether tables are vacuumed and analyzed while they are loaded.
    """
    settings = {
        "fsync": "off",
        "full_page_writes": "off",
        "synchronous_commit": "off",
        "autovacuum": "on" if autovacuum else "off",
        "checkpoint_timeout": "1d",
        "max_wal_size": _most(own, "max_wal_size", _power(free // 8, 1 * _GIB, 64 * _GIB)),
        "wal_recycle": "off",  # a segment that is kept for later would outlast the load
        "wal_compression": "off",
        # As many indexes are built at the same time as there are cores; together they get an eighth.
        "maintenance_work_mem": _most(
            own, "maintenance_work_mem", _power(machine.memory // (8 * machine.cores), 64 * _MIB, 2 * _GIB)
        ),
        "shared_buffers": _most(own, "shared_buffers", _power(machine.memory // 8, 128 * _MIB, 4 * _GIB)),
        "max_parallel_maintenance_workers": str(min(8, machine.cores - 1)),
    }
    if not _archives(stronger):
        settings["archive_mode"] = "off"  # it may be production's
    if not slots and not _ships_wal(stronger):
        settings.update(_MINIMAL_WAL)
        if major >= _SUMMARIZES_FROM:
            settings["summarize_wal"] = "off"
    return settings


def render(settings: Mapping[str, str], *, run: str, operator: str) -> bytes:
    """Return the file's content."""
    head = (
        f"# Written by reingest for run {run} of {operator}.\n"
        "# Only while a load runs: without fsync a power cut costs this cluster its rows. The load's end\n"
        "# takes this file away, and the line of postgresql.conf that includes it.\n"
    )
    return (head + "".join(f"{name} = '{value}'\n" for name, value in settings.items())).encode()


def rendered(content: bytes | None) -> dict[str, str] | None:
    """Return the settings that a file's content has; None where there is no file."""
    if content is None:
        return None
    found = parse_settings(content.decode("utf-8", errors="replace"), LOAD_CONF)
    return {one.name: one.value for one in found}


def included(content: bytes) -> bytes:
    """Return the content of ``postgresql.conf`` with the line that includes the file as its last one.

    The line has an end only where the line before it has, so that ``excluded`` gives back every byte.
    """
    bare = excluded(content)
    if not bare or bare.endswith(b"\n"):
        return bare + _LINE + b"\n"
    return bare + b"\n" + _LINE


def excluded(content: bytes) -> bytes:
    """Return the content of ``postgresql.conf`` without the line."""
    unended = b"\n" + _LINE
    return _INCLUDED.sub(b"", content.removesuffix(unended))


def stronger_settings(automatic: Path, command_line: Mapping[str, Setting]) -> dict[str, Setting]:
    """Return what counts before the file: ``postgresql.auto.conf``, and before that the command line."""
    text = read_small(automatic).decode("utf-8", errors="replace") if is_there(automatic) else ""
    return {**{one.name: one for one in parse_settings(text, str(automatic))}, **command_line}


def _ships_wal(stronger: Mapping[str, Setting]) -> bool:
    """Return whether a setting that counts before the file keeps a server with minimal WAL from starting."""
    senders, summarizer = stronger.get("max_wal_senders"), stronger.get("summarize_wal")
    return (
        (senders is not None and senders.value.strip() != "0")
        or _archives(stronger)
        or (summarizer is not None and is_on(summarizer.value))
    )


def _archives(stronger: Mapping[str, Setting]) -> bool:
    archive = stronger.get("archive_mode")
    return archive is not None and archive.value.strip().lower() != "off"


def _power(wanted: int, least: int, most: int) -> int:
    """Return the power of two below, so that a little less free space is not another setting."""
    return 1 << (max(least, min(most, wanted)).bit_length() - 1)


def _most(own: Mapping[str, Setting], name: str, ours: int) -> str:
    """Return our size, or the cluster's own where that is larger."""
    there = own.get(name)
    match = _SIZE.fullmatch(there.value.strip()) if there is not None else None
    if there is not None and match is not None:
        unit = _UNITS[match["unit"]] if match["unit"] else _BARE[name]
        if float(match["number"]) * unit > ours:
            return there.value.strip()
    return f"{ours // _MIB}MB"
