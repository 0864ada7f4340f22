"""The profiles of a load's tables, in ``.reingest/runs/<run>/profile.json`` of the runs that verified it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..errors import Refusal
from ..fs.durable import make_own_directory, write_json
from ..fs.durable_record import own_text
from ..fs.record_values import is_run, parse_document
from .layout import Volume

_MOST = 8 << 20  # bytes of what is kept: it goes from host to host


def write_profiles(volume: Volume, run: str, profiles: Mapping[str, Any]) -> None:
    """Keep the profiles that a run made, durably; only the account of the volume's records may read them.

    Raises:
        Refusal: they are more than could be read again.
    """
    size = len(json.dumps(profiles, indent=1))
    if size > _MOST:
        raise Refusal(
            f"the profiles of the load are {size:,} bytes, and at most {_MOST:,} are kept: the next "
            "verification reads production's tables again; leave some out (`profile: false`)"
        )
    for folder in (volume.records, volume.run(run).parent, volume.run(run)):
        make_own_directory(folder)
    write_json(_path(volume, run), profiles)


def read_profiles(volume: Volume, snapshot: str, runs: Iterable[str]) -> dict[str, Any]:
    """Return the profiles that one of these runs made of a snapshot; empty where none can be read.

    This refuses no run: what is not known is read from the tables.
    """
    for run in filter(is_run, runs):
        try:
            found = parse_document(own_text(_path(volume, run), most=_MOST))
        except (OSError, ValueError, Refusal):
            continue
        if found.get("snapshot") == snapshot:
            return found
    return {}


def _path(volume: Volume, run: str) -> Path:
    return volume.run(run) / "profile.json"
