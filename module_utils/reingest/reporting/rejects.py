"""The rejects of a run on the host that loaded, by reason, with the places of the first ones."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ..disclosure.printable import printable
from ..fs.no_follow import check_file, open_file
from ..fs.record_values import parse_document
from .withheld import reason_alone

_ENDING = ".jsonl"
_MOST_BYTES = 4 << 20  # that are read of all files together: rejects may be gigabytes
_LONGEST = 1 << 20  # bytes of a line; a row's values are cut at 10,000 characters each
_MOST_TABLES = 500
_MOST_GROUPS = 200
_MOST_PLACES = 5
_SHOWN = 80  # characters of a value


def rejects_in(folder: Path, *, values: bool) -> dict[str, Any]:
    """Return a run's rejects by table, column and reason; empty where there are none.

    Args:
        folder: the run's folder for them, see ``load.rejects``.
        values: whether the places have the values, too.

    Returns:
        ``{"rows": how many were looked at, "whole": whether these are all, "groups": [{"table", "column",
        "reason", "rows", "places": [{"file", "line", "value"?}]}]}``; a reason has no value in it.
    """
    groups: dict[tuple[str, str, str], dict[str, Any]] = {}
    rows, whole, left = 0, True, _MOST_BYTES
    names = sorted(path.name for path in folder.iterdir() if path.suffix == _ENDING)
    for at, name in enumerate(names[:_MOST_TABLES]):
        share = left // (min(len(names), _MOST_TABLES) - at)  # each table has its part
        for size, line in _lines(folder / name, share):
            left -= size
            raw = _parsed(line)
            if raw is None:
                whole = False
                continue
            rows += 1
            reason = printable(reason_alone(str(raw.get("reason")), raw.get("value")))
            column = printable(str(raw.get("column") or ""))
            key = (printable(unquote(name[: -len(_ENDING)])), column, reason)
            if key not in groups and len(groups) == _MOST_GROUPS:
                whole = False
                continue
            group = groups.setdefault(key, {"rows": 0, "places": []})
            group["rows"] += 1
            if len(group["places"]) < _MOST_PLACES:
                group["places"].append(_place(raw, values=values))
        whole = whole and (folder / name).stat().st_size <= share
    whole = whole and len(names) <= _MOST_TABLES
    found = [
        {"table": table, "column": column, "reason": reason, **group}
        for (table, column, reason), group in groups.items()
    ]
    return {"rows": rows, "whole": whole, "groups": found} if rows else {}


def _lines(path: Path, most: int) -> Iterator[tuple[int, bytes]]:
    """Yield the whole lines at a file's beginning, each with its size; at most so many bytes are read."""
    with suppress(OSError), os.fdopen(open_file(path, os.O_RDONLY), "rb") as file:
        check_file(path, os.fstat(file.fileno()))
        while most > 0:
            line = file.readline(min(most, _LONGEST))
            if not line:
                return
            most -= len(line)
            yield len(line), line


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        return parse_document(line)
    except ValueError:
        return None  # a part of a line that is longer


def _place(raw: dict[str, Any], *, values: bool) -> dict[str, Any]:
    line = raw.get("line")
    place = {"file": printable(str(raw.get("file"))), "line": line if type(line) is int else 0}
    if not values:
        return place
    value = str(raw.get("value"))
    return {**place, "value": printable(value[:_SHOWN] + ("..." if len(value) > _SHOWN else ""))}
