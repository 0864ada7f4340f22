"""The folder of rejects over several attempts and runs."""

from __future__ import annotations

import pytest

from plugins.module_utils.reingest.load.rejects import RejectPolicy


@pytest.fixture
def policy(tmp_path):
    return RejectPolicy(tmp_path / "run-2" / "rejects", None)


def test_rejects_of_another_run_are_brought_here_and_stay_there(policy, tmp_path):
    there = tmp_path / "run-1.jsonl"
    there.write_text("one\n")
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
