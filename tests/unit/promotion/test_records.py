"""Ledger, ids, durable files and what ``describe`` makes of them."""

from __future__ import annotations

import errno
import os
from datetime import datetime, timezone

import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.fs.durable import append_line, make_directory, replace_link, write_json
from plugins.module_utils.reingest.volume import snapshot_id

A, B, C = "20261101T000000Z", "20261102T000000Z", "20261103T000000Z"


def test_an_id_is_the_utc_time_of_its_load():
    now = datetime(2026, 11, 23, 11, 45, tzinfo=timezone.utc)
    assert snapshot_id.new_id(now) == "20261123T114500Z"
    assert snapshot_id.taken_at("20261123T114500Z") == now


@pytest.mark.parametrize(
    "text", ["2026-11-23T11:45:00+00:00", "2026-11-23T11:45:00", "2026-11-23T11:45:00.123456Z"]
)
def test_the_runbooks_ids_are_read(text):
    assert snapshot_id.taken_at(text) == datetime(2026, 11, 23, 11, 45, tzinfo=timezone.utc)


@pytest.mark.parametrize("text", ["", "..", "../../etc", "20261323T114500Z", "2026-13-01T00:00:00", "latest"])
def test_what_is_no_id_is_refused(text):
    with pytest.raises(Refusal, match="is not a snapshot id: expected a UTC time such as 20261123T114500Z"):
        snapshot_id.checked(text)


def test_a_line_that_a_crash_cut_short_is_passed_over_and_the_next_is_whole(site):
    site.serve(A)
    with site.volume.ledger.open("a") as out:
        out.write('{"state": "liv')
    assert site.ledger.live() == A
    site.record("pruned", B, "run")
    assert site.events()[-1] == ("pruned", B)
    assert site.ledger.live() == A


def test_a_verdict_outlives_a_failure_of_another_snapshot(site):
    site.serve(A, B)
    site.promote(A, run="back", kind="rollback")
    site.promote(B, run="again")
    assert not site.ledger.good(B)
    site.load(C)
    site.promote(run="bad")
    site.recover(failed="no answer", run="bad")
    assert site.ledger.live() == B
    assert not site.ledger.good(B)


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
