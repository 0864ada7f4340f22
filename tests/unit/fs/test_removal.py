"""A tree is deleted whole, and nothing that a link or a mount leads to; what stays is told, the rest goes."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from clusters import unprivileged

from plugins.module_utils.reingest.fs.removal import remove_tree

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="mounts and immutable files need root")


@pytest.fixture
def folder():
    """Return a folder that every account can come to; pytest's own are for this account only."""
    path = Path(tempfile.mkdtemp(prefix="reingest-unit-", dir="/var/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def tree(folder):
    """Return a tree in the layout of a cluster, with more names in a directory than are taken at a time."""
    root = folder / "trash" / "20261101T000000Z"
    for name in ("base/1", "base/5", "global", "pg_wal/archive_status"):
        (root / name).mkdir(parents=True)
    for number in range(1100):
        (root / f"base/5/{16384 + number}").touch()
    (root / "PG_VERSION").write_text("16\n")
    return root


def test_all_of_it_goes_and_is_counted(tree):
    names = sum(1 for _ in tree.rglob("*")) + 1
    removal = remove_tree(tree)
    assert not tree.exists()
    assert tree.parent.exists()
    assert (removal.deleted, removal.left, removal.faults) == (names, 0, [])


def test_what_is_not_there_is_no_fault(tmp_path):
    assert remove_tree(tmp_path / "gone").deleted == 0
    assert remove_tree(tmp_path / "no" / "parent").deleted == 0


def test_links_are_unlinked_and_not_followed(tree, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    (tree / "pg_wal/link").symlink_to(outside)
    (tree / "base/5/file").symlink_to(outside / "kept")
    (tree / "dangling").symlink_to("nowhere")
    assert remove_tree(tree).faults == []
    assert not tree.exists()
    assert (outside / "kept").exists()


@pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to("/var")], ids=["file", "link"])
def test_a_name_that_is_no_directory_goes_alone(tmp_path, make):
    make(tmp_path / "entry")
    assert remove_tree(tmp_path / "entry").deleted == 1
    assert list(tmp_path.iterdir()) == []
    assert Path("/var").is_dir()


def test_a_link_in_the_place_of_a_directory_that_was_read_as_one_leads_nowhere(tree, tmp_path, monkeypatch):
    """What is exchanged between the reading of a name and its opening must not be entered."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    opened = os.open

    def exchanged(path, *arguments, **named):
        if path == "pg_wal" and named.get("dir_fd") is not None and not (tree / "pg_wal").is_symlink():
            (tree / "pg_wal").rename(tmp_path / "away")
            (tree / "pg_wal").symlink_to(outside)
        return opened(path, *arguments, **named)

    monkeypatch.setattr(os, "open", exchanged)
    remove_tree(tree)
    assert not tree.exists()
    assert (outside / "kept").exists()
    assert (tmp_path / "away").is_dir()


def test_directories_that_shut_their_owner_out_go(tree):
    if os.geteuid() == 0:
        for path in (tree.parent, tree, *tree.rglob("*")):
            os.chown(path, unprivileged().pw_uid, unprivileged().pw_gid)
    (tree / "base/5").chmod(0)
    (tree / "global").chmod(0o500)
    tree.chmod(0o500)
    assert removed_by_the_owner(tree) == b"[]"
    assert not tree.exists()


def removed_by_the_owner(tree):
    """Delete it in a process of the account without privileges, and return what it says."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setresgid(*[unprivileged().pw_gid] * 3)
            os.setresuid(*[unprivileged().pw_uid] * 3)
        os.write(writer, str(remove_tree(tree).faults).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as told:
        text = told.read()
    os.waitpid(child, 0)
    return text


@AS_ROOT
def test_root_passes_whatever_the_bits_say(tree):
    for path in tree.rglob("*"):
        if path.is_dir():
            path.chmod(0)
    assert remove_tree(tree).faults == []
    assert not tree.exists()


@AS_ROOT
def test_a_mount_of_the_same_device_is_told_and_not_entered(tree, tmp_path):
    """A bind mount has the device of the tree: only the number of the mount differs."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    (tree / "base/9").mkdir()
    subprocess.run(["mount", "--bind", outside, tree / "base/9"], check=True)
    try:
        removal = remove_tree(tree)
        assert (outside / "kept").exists()
        assert removal.faults == [
            f"{tree}/base/9 is another file system that is mounted there, it was not entered: unmount it"
        ]
        assert sorted(path.name for path in tree.rglob("*")) == ["9", "base", "kept"]
    finally:
        subprocess.run(["umount", tree / "base/9"], check=True)
    assert remove_tree(tree).faults == []
    assert not tree.exists()


@AS_ROOT
def test_an_immutable_file_is_told_with_its_path_and_the_rest_goes(tmp_path):
    tree = tmp_path / "trash/one"
    (tree / "base/5").mkdir(parents=True)
    for number in range(10):
        (tree / f"base/5/{number}").touch()
    held = tree / "base/5/4"
    if subprocess.run(["chattr", "+i", held], check=False, capture_output=True).returncode:
        pytest.skip("this file system has no immutable files")
    try:
        removal = remove_tree(tree)
        assert removal.left == 1
        assert removal.faults == [
            f"{held} cannot be deleted (Operation not permitted): it or its directory may be immutable or "
            "append-only (lsattr; chattr -i -a)"
        ]
        assert [path.name for path in tree.rglob("*")] == ["base", "5", "4"]
    finally:
        subprocess.run(["chattr", "-i", held], check=True)
    assert remove_tree(tree).deleted == 4


def test_a_tree_deeper_than_open_files_allow_goes(tmp_path):
    top = tmp_path / "deep"
    top.mkdir()
    handle = os.open(top, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=handle)
        below = os.open("d", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = below
    os.close(handle)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        removal = remove_tree(top)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (removal.deleted, removal.faults) == (3001, [])
    assert not top.exists()
