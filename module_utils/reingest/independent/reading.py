"""All that another reader is asked, in a process of its own, which may have only so much memory."""

from __future__ import annotations

import resource
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

from ..sources.registry import SQL
from .engine import MEMORY, UnreadableError
from .figures import plain
from .part import NotFollowedError
from .server import server_figures
from .sources import Asked, SourceReader

FIGURES, NOT_FOLLOWED, UNREADABLE = "figures", "not followed", "unreadable"


def read_all(asked: Sequence[Asked], scratch: Path, threads: int, zone: str) -> dict[str, dict[str, Any]]:
    """Return what JSON has of each table, under one of three names: its figures, or why there are none.

    Args:
        asked: the tables.
        scratch: a folder in which one for the reader is made.
        threads: how many cores it may use.
        zone: the time zone of times without one.
    """
    found: dict[str, dict[str, Any]] = {FIGURES: {}, NOT_FOLLOWED: {}, UNREADABLE: {}}
    try:
        reader = _reader(asked, scratch / "read", threads, zone)
    except NotFollowedError as reason:
        return {**found, NOT_FOLLOWED: {one.table.name: str(reason) for one in asked}}
    for one in asked:
        name, answer = _answer(reader, one)
        found[name][one.table.name] = answer
    return found


def doubts_of_all(
    asked: Sequence[Asked], scratch: Path, threads: int, zone: str, modes: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Return the doubtful values of all columns of each table; none where they cannot be asked for.

    Args:
        asked: tables that differ.
        scratch: as of ``read_all``.
        threads: likewise.
        zone: likewise.
        modes: by table, that of its figures.
    """
    try:
        reader = _reader(asked, scratch / "doubts", threads, zone)
    except NotFollowedError:
        return {}
    return {one.table.name: _doubts(reader, one, modes[one.table.name]) for one in asked}


def _reader(asked: Sequence[Asked], folder: Path, threads: int, zone: str) -> SourceReader:
    limit = _data() + MEMORY  # of a process that was forked: what it shares with its parent is in it, unused
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    folder.mkdir()
    return SourceReader(asked, folder, threads=threads, zone=zone)


def _data() -> int:
    """Return the bytes of data that this process has, or could have without asking for more."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) << 10
    return 0


def _answer(reader: SourceReader, one: Asked) -> tuple[str, Any]:
    try:
        if one.table.reading.format == SQL:
            return FIGURES, plain(server_figures(one.table, one.files, one.kinds, left_out=one.left_out > 0))
        return FIGURES, plain(reader.read(one))
    except NotFollowedError as reason:
        return NOT_FOLLOWED, str(reason)
    except UnreadableError as reason:
        return UNREADABLE, str(reason)


def _doubts(reader: SourceReader, one: Asked, mode: str) -> dict[str, Any]:
    try:
        found = reader.doubts(one, mode)
    except (NotFollowedError, UnreadableError):
        return {}  # what differs stays a difference
    return {name: astuple(doubt) for name, doubt in found.items()}
