"""Which files a sync reaches, seen by what is handed to fsync; errors are fatal, files that go are not."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.fs.tree import sync_stopped, sync_tree

FILES = (
    "PG_VERSION",
    "global/pg_control",
    "base/1/1259",
    "base/5/16384",
    "pg_wal/0001",
    "pg_stat/pgstat.stat",
)
ELSEWHERE = ("base/1/1259", "base/5/16384", "pg_wal/0001")  # what the server syncs by itself


@pytest.fixture
def data(tmp_path):
    for name in FILES:
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "data/base/1/pipe").symlink_to("/nowhere")
    return tmp_path / "data"


@pytest.fixture
def synced(data, monkeypatch):
    """Return the list of what is synced, by its path below the data directory."""
    found = []
    fsync = os.fsync

    def counted(handle):
        found.append(os.path.relpath(Path(f"/proc/self/fd/{handle}").readlink(), data))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", counted)
    return found


def test_the_whole_tree_is_every_file_and_every_directory(data, synced):
    sync_tree(data)
    assert sorted(synced) == sorted([*FILES, ".", "base", "base/1", "base/5", "global", "pg_wal", "pg_stat"])


def test_after_the_stop_no_file_of_a_table_is_touched(data, synced):
    sync_stopped(data)
    assert set(FILES) - set(synced) == set(ELSEWHERE)
    assert {".", "base", "base/1", "base/5", "global", "pg_wal", "pg_stat"} <= set(synced)
    before = len(synced)
    for number in range(100):
        (data / f"base/5/{number}").touch()
    synced.clear()
    sync_stopped(data)
    assert len(synced) == before


@pytest.mark.parametrize("sync", [sync_tree, sync_stopped])
def test_a_file_that_goes_while_it_is_read_is_passed_over(data, monkeypatch, sync):
    opened = os.open

    def gone(path, *arguments, **options):
        if str(path).endswith("pg_control"):
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))
        return opened(path, *arguments, **options)

    monkeypatch.setattr(os, "open", gone)
    sync(data)


@pytest.mark.parametrize("sync", [sync_tree, sync_stopped])
def test_a_disk_that_fails_is_fatal(data, monkeypatch, sync):
    def failing(handle):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(Refusal, match=r"cannot be written to disk \(Input/output error\): .* load again"):
        sync(data)
