"""One thing on a volume that is not as reingest keeps it, and what is done about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# The repairs; `adopt` has one function for each.
LINK = "link"  # a real prod directory becomes staging/<id>, and prod a link to it
RELINK = "relink"  # prod is spelled as reingest does, or put back where a run died between two renames
DROP = "drop"  # an empty directory goes
UNLINK = "unlink"  # a link inside a data directory goes
MARKS = "marks"  # a data directory gets the owner of its files, and mode 0700 or 0750
SET_ASIDE = "set aside"  # a dotfile in ingest/ moves to .reingest/adopted
EMPTY = "empty"  # an emptying of ingest/ is resumed
MAKE_INGEST = "make ingest"
ADOPT = "adopt"  # a snapshot is synced and gets its line in the ledger
REJECT = "reject"  # one that is no whole cluster gets its line
RECORD = "record"  # prod was pointed at a snapshot by hand

ADOPTED_KIND = "adopted"  # of a line that says what is live: nobody promoted it
FOUND_LIVE = "live"  # in the line of an adopted snapshot: prod led to it then


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be."""

    path: Path
    found: str
    will: str = ""  # what a run does; empty: it is only told
    repair: str = ""
    snapshot: str = ""
    refused: str = ""  # why a run cannot do it now, with the remedy
    first: bool = False  # what comes after it in a run cannot be planned before it is done

    def sentence(self) -> str:
        """Return it as one sentence."""
        told = f"{self.path} {self.found}"
        return f"{told}: {self.refused or self.will}" if self.refused or self.will else told
