"""The folder of rejects over several attempts and runs."""

from __future__ import annotations

import os
import stat

import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.load.rejects import RejectPolicy


@pytest.fixture
def policy(tmp_path):
    return RejectPolicy(tmp_path / "run-2" / "rejects", None)


def earlier(tmp_path, run="run-1", name="a%2Fb.jsonl"):
    there = tmp_path / run / "rejects" / name
    there.parent.mkdir(parents=True)
    there.write_text("one\n")
    return there


def test_rejects_of_another_run_are_brought_here_and_stay_there(policy, tmp_path):
    there = earlier(tmp_path)
    assert policy.carry("a/b", str(there)) == str(policy.path("a/b"))
    assert policy.path("a/b").read_text() == there.read_text() == "one\n"


def test_rejects_that_are_here_stay(policy):
    policy.folder.mkdir(parents=True)
    policy.path("author").write_text("one\n")
    assert policy.carry("author", str(policy.path("author"))) == str(policy.path("author"))
    assert policy.path("author").read_text() == "one\n"


def test_a_table_without_rejects_brings_none(policy):
    assert policy.carry("author", "") == ""
    assert not policy.folder.exists()


def test_what_an_earlier_attempt_left_goes_away_but_for_what_is_kept(policy):
    policy.folder.mkdir(parents=True)
    for table in ("author", "book"):
        policy.path(table).write_text("one\n")
    policy.clear([str(policy.path("author"))])
    assert list(policy.folder.iterdir()) == [policy.path("author")]
    policy.clear([])
    assert not policy.folder.exists()


def linked(tmp_path, at):
    """Return a usual path of which one part is a link to elsewhere."""
    there = earlier(tmp_path)
    moved = {"file": there, "folder": there.parent, "run": there.parent.parent}[at]
    moved.rename(tmp_path / "elsewhere")
    moved.symlink_to(tmp_path / "elsewhere")
    return there


def fifo(tmp_path):
    there = earlier(tmp_path)
    there.unlink()
    os.mkfifo(there)
    return there


def secret(tmp_path):
    (tmp_path / "secret").write_text("hidden")
    return tmp_path / "secret"


HOSTILE = {
    "any file": secret,
    "another table's": lambda tmp_path: earlier(tmp_path, name="c.jsonl"),
    "out by dots": lambda tmp_path: earlier(tmp_path).parent / "../../secret",
    "of no run": lambda tmp_path: earlier(tmp_path, run="a run"),
    "a folder beside": lambda tmp_path: earlier(tmp_path / "other"),
    "a link": lambda tmp_path: linked(tmp_path, "file"),
    "through a link": lambda tmp_path: linked(tmp_path, "folder"),
    "through a link above": lambda tmp_path: linked(tmp_path, "run"),
    "a pipe": fifo,
    "nothing": lambda tmp_path: tmp_path / "run-1/rejects/a%2Fb.jsonl",
}


@pytest.mark.attack
@pytest.mark.parametrize("made", HOSTILE.values(), ids=HOSTILE)
def test_no_other_file_is_copied_whatever_the_staging_database_names(policy, tmp_path, made):
    with pytest.raises(Refusal, match="was not read"):
        policy.carry("a/b", str(made(tmp_path)))
    assert not policy.folder.exists()


@pytest.mark.attack
def test_rejects_are_for_their_owner_only(policy, tmp_path):
    old = os.umask(0o022)
    try:
        policy.carry("a/b", str(earlier(tmp_path)))
    finally:
        os.umask(old)
    assert stat.S_IMODE(policy.path("a/b").stat().st_mode) == 0o600
    assert stat.S_IMODE(policy.folder.stat().st_mode) == 0o700
