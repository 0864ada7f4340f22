"""Give a finished load its line in the ledger, under the system identifier of its cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import Refusal
from ..postgres.datadir import read_data_directory
from . import ledger as ledger_file
from .layout import Volume
from .ledger import read_ledger


@dataclass(frozen=True)
class Finalised:
    """A load and the directory that it lies in."""

    snapshot: str
    system_identifier: str
    changed: bool


def refuse_taken(volume: Volume, snapshot: str) -> None:
    """Refuse a load under the id of a snapshot that is there already.

    Raises:
        Refusal: ``staging/`` has that snapshot.
    """
    if volume.snapshot(snapshot).is_dir():
        raise Refusal(
            f"the load cannot be named {snapshot}: {volume.snapshot(snapshot)} is there already; "
            "leave reingest_snapshot out, or give another time"
        )


def plan_finalise(volume: Volume, snapshot: str, system_identifier: str) -> Finalised:
    """Plan the line.

    Raises:
        Refusal: the cluster in ``ingest/`` is not the one that was loaded (another volume or server), or
            the id is taken.
    """
    refuse_taken(volume, snapshot)
    found = read_data_directory(volume.ingest)
    if found.system_identifier != system_identifier:
        raise Refusal(
            f"{volume.ingest} is not the data directory of the staging server that was loaded (system "
            f"identifier {found.system_identifier}, the server says {system_identifier}): correct "
            "reingest_volume or reingest_staging_dsn"
        )
    entry = read_ledger(volume).load_of(system_identifier)
    return Finalised(snapshot, system_identifier, changed=entry is None or entry.snapshot != snapshot)


def apply_finalise(
    volume: Volume, plan: Finalised, *, run: str, operator: str, load: Mapping[str, Any]
) -> None:
    """Write the line: what was loaded, from what, by whom."""
    detail = {"system_identifier": plan.system_identifier, **load}
    ledger_file.record(
        volume, ledger_file.FINALISED, plan.snapshot, run=run, operator=operator, detail=detail
    )
