"""Whether the server that is to serve a kept snapshot sorts texts as the one did that made its indexes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import psycopg2

from ..disclosure.printable import printable
from ..errors import Refusal
from ..frame.finding import Finding
from ..postgres.collations import changed_versions, given_by
from ..volume.ledger import Entry

COLLATION = "collation"
_KEY = "collations"


def collations_detail(made: Mapping[str, list[str]]) -> dict[str, Any]:
    """Return the versions as the ledger keeps them with a load."""
    return {_KEY: dict(made)}


def recorded_collations(entry: Entry | None) -> dict[str, list[str]] | None:
    """Return by which versions a load's indexes were made; None where its line does not have them."""
    kept = entry.detail.get(_KEY) if entry is not None else None
    if not isinstance(kept, dict):
        return None
    lists = {name: versions for name, versions in kept.items() if isinstance(versions, list)}
    return {str(name): list(map(str, versions)) for name, versions in lists.items()}


def collation_findings(entry: Entry | None, production_dsn: str) -> Iterator[Finding]:
    """Yield that the server that runs now, whose image is to serve the snapshot, has other versions.

    Where the ledger has no versions, or the server does not answer, nothing is known: going back must not
    depend on a server that is broken.
    """
    made = recorded_collations(entry)
    if entry is None or not made or not production_dsn:
        return
    try:
        given = given_by(production_dsn)
    except (Refusal, psycopg2.Error):
        return
    changed = changed_versions(made, given)
    if changed:
        said = "; ".join(f"{printable(name)} {printable(old)} then, {new} now" for name, old, new in changed)
        yield Finding(
            f"{COLLATION}:{entry.snapshot}",
            f"the indexes of snapshot {entry.snapshot} are sorted by other versions of the collations than "
            f"those of the server that is to serve it ({said}): it would miss rows, and let doubles into "
            "unique keys",
            "give the server the image that made the snapshot; else, right after the switch "
            "(reingest_after_promote), REINDEX DATABASE and ALTER DATABASE ... REFRESH COLLATION VERSION of "
            "each database, and ALTER COLLATION ... REFRESH VERSION of each collation of its own",
            state=said,
        )
