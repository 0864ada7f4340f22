"""Renames whose answer is no proof, and exchanges."""

from __future__ import annotations

import os

import pytest

from plugins.module_utils.reingest.fs.rename import exchange, rename


@pytest.fixture
def names(tmp_path):
    (tmp_path / "source").mkdir()
    return tmp_path / "source", tmp_path / "target"


def done_and_denied(source, target, **folders):
    """Rename as an NFS client does that lost the answer, and asked again."""
    os.rename(source, target, **folders)  # noqa: PTH104 - by open directories
    os.rename(source, target, **folders)  # noqa: PTH104 - by open directories


def test_a_rename_that_was_done_and_is_said_not_to_be_is_taken_as_done(names):
    source, target = names
    inode = source.stat().st_ino
    rename(source, target, done_and_denied)
    assert target.stat().st_ino == inode


def test_a_source_that_was_never_there_is_an_error(names):
    source, target = names
    source.rmdir()
    with pytest.raises(FileNotFoundError):
        rename(source, target)


def test_something_else_at_the_target_is_no_proof(names):
    source, target = names
    target.mkdir()

    def taken(source, target, **folders):
        os.rmdir(source, dir_fd=folders["src_dir_fd"])
        os.rename(source, target, **folders)  # noqa: PTH104 - by open directories

    with pytest.raises(FileNotFoundError):
        rename(source, target, taken)


def test_a_missing_folder_of_the_target_is_an_error(names):
    source, target = names
    with pytest.raises(FileNotFoundError):
        rename(source, target / "deeper")
    assert source.is_dir()


def test_an_exchange_swaps_a_directory_and_a_link(names):
    source, target = names
    target.symlink_to("somewhere")
    assert exchange(source, target)
    assert source.is_symlink()
    assert target.is_dir()
    assert not target.is_symlink()
