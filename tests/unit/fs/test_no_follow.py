"""A path leads to what lies there, and nobody else's link, FIFO, device or endless file leads or hangs us."""

from __future__ import annotations

import os
import socket
import stat

import pytest
from attacker import belongs_to_attacker, within

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.fs import no_follow
from plugins.module_utils.reingest.fs.no_follow import (
    UnsafePathError,
    folder,
    is_empty,
    is_file,
    is_folder,
    is_link,
    is_there,
    listed,
    open_file,
    read_link,
    read_small,
    status_of,
)

pytestmark = pytest.mark.attack


@pytest.fixture(params=["openat2", "by parts"], autouse=True)
def way(request, monkeypatch):
    """Go both ways: by one call of the kernel, and part by part where it has no such call."""
    if request.param == "by parts":
        monkeypatch.setattr(no_follow, "_OPENAT2", 9999)  # ENOSYS


@pytest.fixture
def hostile(tmp_path):
    """Return a folder of the servers' account, and one of root's with a secret."""
    secret = tmp_path / "secret"
    secret.mkdir(mode=0o700)
    (secret / "file").write_text("root's own")
    owned = tmp_path / "owned"
    owned.mkdir()
    belongs_to_attacker(owned)
    return owned, secret


@pytest.mark.parametrize(
    "act",
    [
        lambda path: read_small(path / "file"),
        lambda path: os.close(open_file(path / "file", os.O_RDONLY)),
        lambda path: status_of(path / "file"),
        lambda path: is_folder(path / "file"),
        listed,
        lambda path: folder(path).__enter__(),
    ],
)
def test_a_link_that_another_account_made_leads_nowhere(hostile, act):
    owned, secret = hostile
    (owned / "link").symlink_to(secret)
    belongs_to_attacker(owned / "link")
    with pytest.raises(UnsafePathError, match="its part link is a link that another account may have made"):
        act(owned / "link")


def test_a_link_of_root_that_another_account_moved_leads_nowhere(hostile):
    owned, secret = hostile
    (owned / "link").symlink_to(secret)  # root's, as prod is, in a folder where others rename
    with pytest.raises(UnsafePathError):
        read_small(owned / "link" / "file")


def test_a_link_that_only_root_can_have_made_is_followed(tmp_path):
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "real" / "deep" / "file").write_text("text")
    (tmp_path / "absolute").symlink_to(tmp_path / "real")
    (tmp_path / "relative").symlink_to("absolute/deep")
    assert read_small(tmp_path / "relative" / "file") == b"text"
    assert listed(tmp_path / "absolute") == ["deep"]


def test_a_circle_of_links_ends(tmp_path):
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    with within(5), pytest.raises(OSError, match="Too many levels of symbolic links"):
        listed(tmp_path / "one" / "folder")


def test_the_last_part_is_never_followed(hostile):
    owned, secret = hostile
    (owned / "file").symlink_to(secret / "file")
    with pytest.raises(UnsafePathError, match="no regular file"):
        read_small(owned / "file")
    assert (is_link(owned / "file"), is_file(owned / "file"), is_there(owned / "file")) == (True, False, True)
    assert read_link(owned / "file") == str(secret / "file")


def test_what_would_block_or_never_end_is_refused_at_once(tmp_path):
    fifo, device, listener, endless = (tmp_path / name for name in ("fifo", "zero", "socket", "sparse"))
    os.mkfifo(fifo)
    os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(listener))
    with endless.open("wb") as out:
        out.truncate(1 << 42)
    for path in (fifo, device, listener):
        with within(5), pytest.raises(UnsafePathError, match="no regular file"):
            read_small(path)
    with within(5), pytest.raises(UnsafePathError, match="longer than 1048576 bytes"):
        read_small(endless)


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_record_that_others_may_write_is_not_believed(tmp_path, mode):
    path = tmp_path / "record"
    path.write_text("{}")
    path.chmod(mode)
    with pytest.raises(Refusal, match=f"has mode {mode:04o}, so that another account may have written it"):
        read_small(path, own=True)


def test_a_record_of_another_account_is_not_believed(tmp_path):
    path = tmp_path / "record"
    path.write_text("{}")
    belongs_to_attacker(path)
    assert read_small(path) == b"{}"
    with pytest.raises(Refusal, match="it belongs to account"):
        read_small(path, own=True)


def test_what_is_not_there_is_told_with_its_path(tmp_path):
    path = tmp_path / "deep" / "file"
    with pytest.raises(FileNotFoundError) as raised:
        read_small(path)
    assert raised.value.filename == str(path)
    assert status_of(path) is None
    (tmp_path / "deep").mkdir()
    assert is_empty(tmp_path / "deep")
    path.write_text("")
    with pytest.raises(NotADirectoryError):
        listed(path)
