"""A dataset of nothing but sources: each file is a table, all are loaded in one real load."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase

from plugins.module_utils.runner import CONTEXT, Call
from plugins.modules import ingest_load

# Settings of a property of loads: an example is a whole load, and to look for a smaller one takes minutes.
ONE_LOAD = {"suppress_health_check": list(HealthCheck), "phases": [Phase.explicit, Phase.generate]}

DEFAULTS = {
    name: option["default"]
    for name, option in {**CONTEXT, **ingest_load.OPTIONS}.items()
    if "default" in option
}


@dataclass
class SourceTable:
    """A table with its one file; ``keys`` are the dataset's. Its columns are texts but for ``types``."""

    name: str
    file: str
    content: bytes
    columns: tuple
    keys: dict = field(default_factory=dict)
    types: dict = field(default_factory=dict)

    def definition(self):
        columns = ", ".join(f'"{name}" {self.types.get(name, "text")}' for name in self.columns)
        return f'CREATE TABLE "{self.name}" ({columns});\n'


class SourcesLoad:
    """Loads tables below a folder into a server."""

    def __init__(self, folder, server):
        self.folder = folder
        self._server = server

    def run(self, tables, *, jobs=2, check=False, prove="content", force=True, **top):
        """Make the load and return the module's result.

        Raises:
            Refusal: as the load does.
        """
        (self.folder / "schema.sql").write_text("".join(table.definition() for table in tables))
        for table in tables:
            (self.folder / table.file).write_bytes(table.content)
        listed = {table.name: {"owner": "source", "from": table.file, **table.keys} for table in tables}
        rows = {"on_reject": "quarantine", "max_rejects": "100%"}
        dataset = {"database": "sources", "schema": "schema.sql", "tables": listed, **rows, **top}
        file = self.folder / "dataset.yml"
        file.write_text(json.dumps({key: value for key, value in dataset.items() if value is not None}))
        params = {
            **DEFAULTS,
            "dataset": str(file),
            "staging_dsn": self._server.dsn(),
            "first": True,
            "force": force,
            "run": "run-1",
            "operator": "0000-0002-1825-0097",
            "work": str(self.folder / "work"),
            "jobs": jobs,
            "prove": prove,
        }
        return ingest_load.load(Call(params, check=check, dry_run=check)).values

    def rows(self, table):
        """Return the rows of a table, in no order."""
        columns = ", ".join(f'"{name}"' for name in table.columns)
        return self._server.rows(f'SELECT {columns} FROM "{table.name}"', "sources")

    def rejects(self, table):
        """Return what was set aside of a table."""
        path = self.folder / "work/run-1/rejects" / f"{table.name}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
