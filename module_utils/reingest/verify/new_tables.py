"""Tables of production that only a pattern gives to the load: a forgotten one of users may be among them."""

from __future__ import annotations

from collections.abc import Iterator

from ..dataset.model import Dataset
from ..dataset.owners import SOURCE
from ..frame.finding import Finding
from ..load.provenance import read_record
from .accepted import NEW
from .side import Side


def new_tables(dataset: Dataset, production: Side) -> Iterator[Finding]:
    """Yield those that have rows, and that the release that is live did not load."""
    if not dataset.patterns:
        return
    live = read_record(production.connection)
    loaded = live.tables if live is not None else {}
    for table in dataset.tables:
        known = table.owner != SOURCE or not table.pattern or table.name in loaded
        rows = 0 if known or table.name not in production.tables else production.count(table.name)
        if rows:
            yield Finding(
                f"{NEW}:{table.name}",
                f"table {table.name} is the load's only by the pattern {table.pattern}, the release that "
                "is live "
                f"did not load it, and its {rows} rows in production would be replaced",
                f"name it under `tables:` in {dataset.file} (portal: users write it, its rows are carried "
                "over)",
                amount=rows,
            )
