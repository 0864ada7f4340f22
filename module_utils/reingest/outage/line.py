"""The line of the ledger that says how long users were without the portal, and what the time went into."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..fs.record_values import checked
from ..volume import ledger as ledger_file
from ..volume.layout import Volume, live_snapshot
from ..volume.ledger import MEASURED, Ledger
from .forecast import Now, Past, forecast

_Seconds = Mapping[str, float]


def write_outage(volume: Volume, outage: Mapping[str, Any], why: str, *, run: str, operator: str) -> None:
    """Write what a switch took into the ledger, under the snapshot that is live since.

    Args:
        volume: the volume, held by the run.
        outage: what the report has of it.
        why: the same in one sentence.
        run: the run.
        operator: who ran it.
    """
    detail = {name: value for name, value in outage.items() if name != "gaps"}
    detail["gaps"] = len(outage.get("gaps") or ())
    snapshot = live_snapshot(volume)
    ledger_file.append(volume, MEASURED, snapshot, run=run, operator=operator, why=why, detail=detail)


def past_switches(ledger: Ledger) -> list[Past]:
    """Return the switches of this volume that were measured, oldest first; what is damaged is passed over.

    A switch that was taken back is none: it has other steps.
    """
    taken_back = {entry.run for entry in ledger.entries if entry.state == ledger_file.BAD}
    found = []
    for entry in ledger.entries:
        if entry.state != MEASURED or entry.run in taken_back:
            continue
        try:
            found.append(_past(entry.detail))
        except ValueError:
            continue
    return found


def predicted_outage(ledger: Ledger) -> float:
    """Return the seconds that earlier switches predict, for the rows of the last one; 0: there was none."""
    past = past_switches(ledger)
    return forecast(past, Now(past[-1].user_bytes)).seconds if past else 0.0


def _past(detail: Mapping[str, Any]) -> Past:
    parts = checked(_Seconds, detail.get("parts"), "parts")
    outage = detail.get("outage_s")
    if not parts or min(parts.values()) < 0:
        raise ValueError("no parts")
    return Past(
        parts,
        None if outage is None else checked(float, outage, "outage_s"),
        checked(int, detail.get("user_bytes", 0), "user_bytes"),
        checked(float, detail.get("checkpoint_s", 0.0), "checkpoint_s"),
    )
