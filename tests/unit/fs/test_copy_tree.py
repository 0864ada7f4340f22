"""The copy of a tree: everything kept, gone on with, proven, and refused where it cannot be."""

from __future__ import annotations

import os
import socket

import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.fs.copy_file import digest_of
from plugins.module_utils.reingest.fs.copy_tree import DoneList, copy_tree, survey_tree


class Copy:
    """A source and where it is copied to; ``run`` is what a run does, and may be done again."""

    def __init__(self, root):
        self.source, self.target, self.list = root / "source", root / "target", root / "done"
        for folder in ("base/1", "empty"):
            (self.source / folder).mkdir(parents=True)
        (self.source / "PG_VERSION").write_text("16\n")
        for number in range(20):
            (self.source / f"base/1/{number}").write_bytes(os.urandom(8192 * number))
        (self.source / "link").symlink_to("base/1")

    def run(self, *, clone=False):
        done = DoneList(self.list)
        try:
            return copy_tree(survey_tree(self.source), self.target, done, at_once=4, clone=clone)
        finally:
            done.close()


@pytest.fixture
def copy(tmp_path):
    return Copy(tmp_path)


def marks(root):
    """Return everything that must be the same: kinds, owners, modes, times, content."""
    found = {}
    for path in [root, *root.rglob("*")]:
        state = path.lstat()
        content = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None
        known = (state.st_mode, state.st_uid, state.st_gid, state.st_mtime_ns, content)
        found[path.relative_to(root)] = known
    return found


def test_content_owners_modes_times_and_links_are_the_same(copy):
    (copy.source / "base/1/3").chmod(0o640)
    (copy.source / "base").chmod(0o750)
    if os.geteuid() == 0:
        os.chown(copy.source / "base/1/4", 65534, 65534)
        os.lchown(copy.source / "link", 65534, 65534)
        os.chown(copy.source, 65534, 65534)
    os.utime(copy.source / "base", ns=(1, 1_000_000_000))
    os.utime(copy.source / "link", ns=(1, 2_000_000_000), follow_symlinks=False)
    figures = copy.run()
    assert marks(copy.target) == marks(copy.source)
    assert figures.shown() == {
        "files": 21,
        "bytes": 3 + 8192 * sum(range(20)),
        "kept": 0,
        "cloned": 0,
    }


def test_an_extended_attribute_is_kept(copy):
    os.setxattr(copy.source / "PG_VERSION", "user.origin", b"loader")
    copy.run()
    assert os.getxattr(copy.target / "PG_VERSION", "user.origin") == b"loader"


def test_holes_stay_holes_and_zeros_that_take_room_keep_it(copy):
    with (copy.source / "sparse").open("wb") as out:
        out.seek(4 << 20)
        out.write(b"in the middle")
        out.truncate(64 << 20)
    (copy.source / "zeros").write_bytes(bytes(1 << 20))
    copy.run()
    assert marks(copy.target) == marks(copy.source)
    assert (copy.target / "sparse").stat().st_blocks * 512 < 1 << 20
    assert (copy.target / "zeros").stat().st_blocks * 512 >= 1 << 20
    assert digest_of(copy.target / "sparse") == digest_of(copy.source / "sparse")


def test_a_second_run_keeps_what_is_there_after_proving_it(copy):
    copy.run()
    before = {path: path.stat().st_ctime_ns for path in copy.target.rglob("*") if path.is_file()}
    assert copy.run().kept == 21
    assert {path: path.stat().st_ctime_ns for path in before} == before


def test_what_was_damaged_at_the_same_size_since_is_copied_again(copy):
    copy.run()
    damaged = copy.target / "base/1/7"
    found = damaged.stat()
    damaged.write_bytes(b"x" + damaged.read_bytes()[1:])
    os.utime(damaged, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert copy.run().kept == 20
    assert marks(copy.target) == marks(copy.source)


def test_a_source_file_that_was_written_since_is_copied_again_though_its_size_and_time_are_the_same(copy):
    copy.run()
    written = copy.source / "base/1/7"
    found = written.stat()
    written.write_bytes(b"x" + written.read_bytes()[1:])
    os.utime(written, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert copy.run().kept == 20
    assert marks(copy.target) == marks(copy.source)


def test_a_file_that_is_not_in_the_list_is_not_trusted(copy):
    copy.run()
    lines = copy.list.read_bytes().splitlines(keepends=True)
    copy.list.write_bytes(b"".join(lines[:5]) + lines[5][: len(lines[5]) // 2])
    assert copy.run().kept == 5
    assert copy.run().kept == 21  # the line that was torn stands for itself now
    assert marks(copy.target) == marks(copy.source)


def test_what_the_source_no_longer_has_goes(copy):
    copy.run()
    (copy.source / "base/1/7").unlink()
    (copy.source / "base/1/8").unlink()
    (copy.source / "base/1/8").mkdir()
    (copy.source / "empty").rmdir()
    (copy.source / "empty").symlink_to("base")
    (copy.source / "link").unlink()
    (copy.source / "link").write_text("a file now")
    copy.run()
    assert marks(copy.target) == marks(copy.source)


def test_a_socket_is_refused_by_name(copy):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(copy.source / "s"))
        with pytest.raises(Refusal, match=r"source/s is neither a file nor a folder: take it away"):
            copy.run()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_cannot_be_read_is_refused_by_name(copy):
    (copy.source / "base/1/7").chmod(0)
    with pytest.raises(Refusal, match=r"base/1/7 cannot be read"):
        copy.run()
