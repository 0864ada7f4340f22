"""Sizes are blocks on the disk: holes count nothing, a file with two names counts once."""

from __future__ import annotations

import os

import pytest

from plugins.module_utils.reingest.fs.sizes import measure
from plugins.module_utils.reingest.fs.tree import sync_tree

MB = 1_000_000


@pytest.fixture
def data(tmp_path):
    data = tmp_path / "data"
    (data / "base/5").mkdir(parents=True)
    return data


def fill(path, size=MB):
    with path.open("wb") as out:
        out.write(os.urandom(size))
        out.flush()
        os.fsync(out.fileno())  # no block is allocated before
    return path


def test_holes_count_nothing(data):
    with (data / "base/5/16384").open("wb") as out:
        out.truncate(1 << 40)
    assert measure(data).bytes < MB


def test_a_file_with_two_names_counts_once(data):
    os.link(fill(data / "base/5/1"), data / "base/5/2")
    assert MB <= measure(data).bytes < 1.5 * MB
    assert measure(data).freed == measure(data).bytes


def test_a_file_that_has_a_name_elsewhere_is_not_freed(data, tmp_path):
    os.link(fill(data / "base/5/1"), tmp_path / "elsewhere")
    assert measure(data).bytes >= MB
    assert measure(data).freed < 0.5 * MB


def test_segments_and_forks_of_a_relation_are_taken_together(data):
    for name in ("16384", "16384.1", "16384_fsm", "16385"):
        fill(data / "base/5" / name)
    fill(data / "not-a-relation", 5 * MB)
    assert 3 * MB <= measure(data).largest < 3.5 * MB


def test_links_are_not_followed(data, tmp_path):
    fill(tmp_path / "big", 5 * MB)
    (data / "base/5/1").symlink_to(tmp_path / "big")
    (data / "pg_wal").symlink_to(tmp_path)
    assert measure(data).bytes < MB


def test_nothing_has_no_size(tmp_path):
    assert measure(tmp_path / "gone").bytes == 0


def test_what_is_synced_is_measured_by_the_way(data):
    fill(data / "base/5/16384", 2 * MB)
    (data / "link").symlink_to("nowhere")
    expected = measure(data)
    synced = sync_tree(data)
    assert (synced.largest, synced.freed) == (expected.largest, synced.bytes)
    own = data.stat().st_blocks * 512  # the tree's, which `measure` leaves to the directory above
    assert synced.bytes == expected.bytes + own
