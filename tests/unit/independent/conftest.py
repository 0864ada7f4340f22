from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from plugins.module_utils.reingest.dataset.model import Column, Table
from plugins.module_utils.reingest.independent.kinds import TEXT
from plugins.module_utils.reingest.independent.sources import Asked, SourceReader
from plugins.module_utils.reingest.sources.reading import Reading


@pytest.fixture(scope="session")
def read():
    """Return what reads files of a table: ``read(files, {column: kind})`` gives their figures."""

    def run(
        files, kinds, *, kind="csv", where=(), columns=None, each="", left_out=0, rejected=False, **reading
    ):
        chosen = columns or tuple(Column(name, (name,)) for name in kinds)
        table = Table(
            "t", "source", reading=Reading(format=kind, **reading), each=each, columns=chosen, where=where
        )
        asked = Asked(table, tuple(files), kinds, left_out, rejected)
        with tempfile.TemporaryDirectory() as scratch:
            return SourceReader([asked], Path(scratch), threads=1, zone="UTC").read(asked)

    return run


@pytest.fixture(scope="session")
def texts():
    """Return what makes the kinds of columns that are all texts."""
    return lambda *names: dict.fromkeys(names, TEXT)
