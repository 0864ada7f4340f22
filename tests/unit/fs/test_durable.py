"""Durable files: whole or not there, and named where they cannot be written."""

from __future__ import annotations

import errno
import os

import pytest

from plugins.module_utils.reingest.fs.durable import append_line, make_directory, replace_link, write_json


@pytest.mark.parametrize("call", ["fsync", "ftruncate"])
def test_an_error_of_an_open_file_names_it(tmp_path, monkeypatch, call):
    path = tmp_path / "ledger"
    path.write_text("one\ntw")

    def fail(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="Input/output error") as raised:
        append_line(path, "two")
    assert raised.value.filename == str(path)


def test_a_directory_that_cannot_be_synced_is_named(tmp_path, monkeypatch):
    def fail(_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output error") as raised:
        write_json(tmp_path / "claim.json", {})
    assert raised.value.filename == str(tmp_path / "claim.json")


def test_lines_are_only_ever_appended(tmp_path):
    path = tmp_path / "ledger"
    append_line(path, "one")
    append_line(path, "two")
    assert path.read_text() == "one\ntwo\n"


def test_a_link_is_replaced_as_a_whole(tmp_path):
    for target in ("one", "two"):
        replace_link(tmp_path / "prod", target)
        assert str((tmp_path / "prod").readlink()) == target
    assert [path.name for path in tmp_path.iterdir()] == ["prod"]


def test_a_link_never_replaces_a_directory(tmp_path):
    (tmp_path / "prod").mkdir()
    with pytest.raises(IsADirectoryError):
        replace_link(tmp_path / "prod", "one")


def test_json_is_replaced_as_a_whole(tmp_path):
    write_json(tmp_path / "journal.json", {"b": 1, "a": 2})
    write_json(tmp_path / "journal.json", {"a": 3})
    assert (tmp_path / "journal.json").read_text() == '{\n "a": 3\n}\n'
    assert [path.name for path in tmp_path.iterdir()] == ["journal.json"]


def test_a_directory_that_is_there_keeps_its_mode(tmp_path):
    (tmp_path / "like").mkdir(mode=0o700)
    (tmp_path / "there").mkdir(mode=0o755)
    make_directory(tmp_path / "there", like=tmp_path / "like")
    make_directory(tmp_path / "new", like=tmp_path / "like")
    assert [oct((tmp_path / name).stat().st_mode & 0o777) for name in ("there", "new")] == ["0o755", "0o700"]
