"""A service's log is the service's: it may make it as long as it likes, and nobody is hurt by reading it."""

from __future__ import annotations

import os

import pytest
from attacker import within

from plugins.module_utils.reingest.engines.model import Service
from plugins.module_utils.reingest.engines.process.engine import ProcessEngine

SERVICE = Service("portal", "process")


@pytest.fixture
def log(tmp_path):
    return tmp_path / "portal.log"


def last_words(log):
    return ProcessEngine(log.parent).last_words(SERVICE)


def test_the_last_three_lines_are_told(log):
    log.write_text("one\ntwo\nthree\nfour\n")
    assert last_words(log) == "two | three | four"
    log.write_text("one")
    assert last_words(log) == "one"


@pytest.mark.attack
def test_a_log_of_a_terabyte_without_a_line_is_read_at_once(log):
    log.write_text("one\n")
    os.truncate(log, 1 << 40)
    with within(5):
        assert last_words(log) == ""


@pytest.mark.attack
def test_the_last_words_behind_it_are_told(log):
    log.write_bytes(b"x" * 100_000 + b"\nthe last\n")
    assert last_words(log) == "the last"
