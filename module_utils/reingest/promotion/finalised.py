"""The finalise record: by what a load is known to be whole on disk, kept in its line of the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from ..errors import Refusal
from ..fs.record_values import MaybeTime, record_from
from ..postgres.control import is_lsn, lsn_number
from ..postgres.datadir import DataDirectory
from ..volume.ledger import Entry

_KEY = "finalise"


@dataclass(frozen=True)
class FinaliseRecord:
    """What was true when the tree of a load had been synced; the line itself has the system identifier."""

    checkpoint_lsn: Annotated[str, is_lsn]
    timeline: int
    settings: Mapping[str, str]  # as the server showed them afterwards
    at: str  # ISO 8601, UTC
    started: MaybeTime = ""  # when that server was started; after the settings for the load were taken away

    def detail(self) -> dict[str, Any]:
        """Return the record as the ledger keeps it."""
        return {_KEY: asdict(self)}


def record_of(entry: Entry | None) -> FinaliseRecord | None:
    """Return the record in a load's line; None where the load was made before there were records."""
    kept = entry.detail.get(_KEY) if entry is not None else None
    if entry is None or kept is None:
        return None
    try:
        return record_from(FinaliseRecord, kept)
    except ValueError:
        raise Refusal(
            f"the ledger's line of the load {entry.snapshot} has a damaged record of its finalising: run "
            "load.yml, which keeps the rows and finalises them"
        ) from None


def record_faults(found: DataDirectory, record: FinaliseRecord | None) -> list[str]:
    """Return why a load is not, or no longer, what was finalised."""
    if record is None:
        return [
            f"{found.path} was loaded and not finalised (its line in the ledger has no record of it): run "
            "load.yml, which keeps the rows and finalises them"
        ]
    control = found.control
    behind = lsn_number(control.checkpoint_lsn) < lsn_number(record.checkpoint_lsn)
    if behind or control.timeline < record.timeline:
        return [
            f"{found.path} has its last checkpoint at {control.checkpoint_lsn} of timeline "
            f"{control.timeline}, before the one that was finalised ({record.checkpoint_lsn} of timeline "
            f"{record.timeline}): it is an older copy; run load.yml, which finalises what is there"
        ]
    return []
