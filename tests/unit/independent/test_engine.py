"""DuckDB sees the files that it was given, and has no network, no settings and no more memory."""

from __future__ import annotations

import pytest

from plugins.module_utils.reingest.independent.engine import Engine, UnreadableError
from plugins.module_utils.reingest.independent.part import NotFollowedError


@pytest.fixture
def engine(tmp_path):
    (tmp_path / "given.csv").write_text("a\n1\n")
    (tmp_path / "other.csv").write_text("a\n1\n")
    return Engine([tmp_path / "given.csv"], tmp_path, threads=64, zone="Europe/Berlin")


def test_it_reads_what_it_was_given(engine, tmp_path):
    assert engine.row(f"SELECT count(*) FROM read_csv('{tmp_path}/given.csv')") == (1,)


@pytest.mark.attack
@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_csv('{0}/other.csv')",
        "SELECT * FROM read_csv('{0}/given.csv/../other.csv')",
        "SELECT * FROM glob('{0}/*')",
        "SELECT * FROM read_csv('http://127.0.0.1:9/x.csv')",
        "COPY (SELECT 1) TO '{0}/written.csv'",
        "ATTACH '{0}/made.duckdb'",
        "INSTALL httpfs",
        "LOAD '{0}/other.csv'",
        "SET memory_limit = '64GB'",
        "SET enable_external_access = true",
    ],
)
def test_it_reads_and_writes_nothing_else(engine, tmp_path, query):
    with pytest.raises((NotFollowedError, UnreadableError)):
        engine.row(query.format(tmp_path))
    assert not {"written.csv", "made.duckdb"} & {path.name for path in tmp_path.iterdir()}


def test_it_has_few_threads_and_little_memory(engine):
    assert engine.row("SELECT current_setting('threads'), current_setting('memory_limit')") == (
        4,
        "244.1 MiB",
    )


def test_a_zone_that_it_does_not_know_is_none(tmp_path):
    assert Engine([], tmp_path, threads=1, zone="<+02>-02").zone == ""
