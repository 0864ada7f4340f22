"""Durable files: whole or not there, and named where they cannot be written."""

from __future__ import annotations

import errno
import os
from contextlib import suppress

import pytest
from attacker import belongs_to_attacker, let_pass, meanwhile

from plugins.module_utils.reingest.fs.durable import (
    append_line,
    make_directory,
    make_own_directory,
    replace_file,
    replace_link,
    write_json,
)
from plugins.module_utils.reingest.fs.no_follow import UnsafePathError


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


def to_links(folder, victim):
    """Put a link in the place of every file that is made ready in a folder."""
    for name in [*(path.name for path in folder.iterdir()), ".file.new"]:
        path = folder / name
        with suppress(OSError):
            path.unlink()
        with suppress(OSError):
            path.symlink_to(victim)


def to_links_of_folders(folder, victim):
    """Put a link in the place of every directory that is made in a folder."""
    for path in folder.iterdir():
        path.rmdir()
        path.symlink_to(victim)


@pytest.fixture
def hostile(tmp_path):
    """Return a folder of the servers' account, and what root has beside it."""
    let_pass(tmp_path)
    owned, victim = tmp_path / "owned", tmp_path / "victim"
    owned.mkdir()
    belongs_to_attacker(owned)
    return owned, victim


@pytest.mark.attack
def test_a_file_is_replaced_and_nothing_that_a_link_leads_to(hostile):
    owned, victim = hostile
    victim.write_text("root's own")
    model = owned.parent / "model"
    model.touch()
    belongs_to_attacker(model)
    with meanwhile(to_links, owned, victim):
        for _ in range(200):
            with suppress(OSError):
                replace_file(owned / "file", b"hostile", like=model)
            assert (victim.read_text(), victim.stat().st_uid) == ("root's own", 0)


@pytest.mark.attack
def test_a_directory_is_made_and_none_that_a_link_leads_to_is_given_away(hostile):
    owned, victim = hostile
    victim.mkdir(mode=0o700)
    with meanwhile(to_links_of_folders, owned, victim):
        for number in range(200):
            with suppress(OSError):
                make_directory(owned / f"made{number}", like=owned)
            assert (victim.stat().st_uid, victim.stat().st_mode & 0o777) == (0, 0o700)


@pytest.mark.attack
def test_the_records_that_are_moved_to_the_name_of_a_new_directory_are_not_given_away(hostile, monkeypatch):
    owned, _ = hostile
    records = owned / ".reingest"
    records.mkdir(mode=0o700)
    (records / "ledger.jsonl").write_text("")
    mkdir = os.mkdir

    def exchanged(name, *arguments, **options):
        mkdir(name, *arguments, **options)
        (owned / name).rmdir()
        records.rename(owned / name)

    monkeypatch.setattr(os, "mkdir", exchanged)
    with pytest.raises(UnsafePathError, match="something was put into it while it was made"):
        make_directory(owned / "ingest", like=owned)
    (moved,) = (path for path in owned.iterdir() if (path / "ledger.jsonl").exists())
    assert moved.stat().st_uid == 0


@pytest.mark.attack
def test_records_that_a_server_gives_to_another_account_are_refused_with_what_to_do(tmp_path, monkeypatch):
    make = os.mkdir

    def squashed(name, mode=0o777, *, dir_fd=None):  # as an NFS server does with root_squash
        make(name, mode, dir_fd=dir_fd)
        os.chown(name, 65534, 65534, dir_fd=dir_fd)

    monkeypatch.setattr(os, "mkdir", squashed)
    with pytest.raises(
        UnsafePathError, match=r"belongs to account 65534 .* \(root_squash\), run as the servers'"
    ):
        make_own_directory(tmp_path / ".reingest")


@pytest.mark.attack
def test_a_line_is_not_appended_to_a_file_of_another_account(tmp_path):
    path = tmp_path / "ledger.jsonl"
    path.write_text("")
    belongs_to_attacker(path)
    with pytest.raises(UnsafePathError, match="another account may have written it"):
        append_line(path, "{}")
    assert path.read_text() == ""


@pytest.mark.attack
def test_what_a_module_writes_is_for_its_account_alone(tmp_path):
    write_json(tmp_path / "claim.json", {})
    append_line(tmp_path / "ledger.jsonl", "{}")
    make_own_directory(tmp_path / "records")
    make_own_directory(tmp_path / "staging", through=True)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"claim.json": 0o600, "ledger.jsonl": 0o600, "records": 0o700, "staging": 0o711}


def test_what_a_killed_run_made_ready_in_a_foreign_folder_is_cleared(tmp_path):
    belongs_to_attacker(tmp_path)
    left = tmp_path / ".file.new-0123456789abcdef"
    left.write_text("half")
    replace_file(tmp_path / "file", b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
