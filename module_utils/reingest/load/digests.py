"""Digests of what decides a load: of all of it, of what runs that go on with it share, and of each table."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ..dataset.model import Dataset, Table
from ..sources.source import SourceFile

_LAYOUT = 4  # of what an unfinished load leaves in the database, and of what goes into its digests
# What of a table is judged when all tables are filled, or later.
_LATER = ("oids", "orphans", "limits", "required", "sources", "pattern")


def load_digest(
    dataset: Dataset, schema: str, transforms: Sequence[tuple[Path, str]], files: Sequence[SourceFile]
) -> str:
    """Return one hash of all that decides what the load makes."""
    parts = [
        ["dataset", dataset.file.read_text(encoding="utf-8")],
        ["schema", schema],
        *(["transform", path.name, text] for path, text in transforms),
        *(["source", file.name, file.sha256] for file in files),
    ]
    return _hash(parts)


def load_identity(dataset: Dataset, schema: str, locale: str = "") -> str:
    """Return one hash of what an unfinished load and the one that goes on with it must have in common.

    ``locale`` is that of production's database, as which the load's was made. Transforms are not in it: when
    the first one has changed a row, nobody goes on.
    """
    tables = [(table.name, table.owner, bool(table.sources)) for table in dataset.tables]
    reads = [dataset.timezone, dataset.dates, locale]
    return _hash([_LAYOUT, dataset.database, schema, reads, sorted(tables)])


def table_digest(table: Table, files: Sequence[SourceFile], prove: str) -> str:
    """Return one hash of all that decides the rows of a table in a schema; its sources in their order.

    The time of a source is not in it: a copy of the same content is the same source.
    """
    section = {key: value for key, value in asdict(table).items() if key not in _LATER}
    return _hash([section, prove, [(file.name, file.size, file.sha256) for file in files]])


def _hash(parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
