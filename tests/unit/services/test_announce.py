"""The declared commands of a maintenance answer: what they did, or why they could not."""

from __future__ import annotations

import os
import stat
import sys

import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.services import announce
from plugins.module_utils.reingest.services.announce import run_declared

NAME = "reingest_maintenance_on"


def test_it_is_run_as_it_is_declared_without_a_shell(tmp_path):
    made = tmp_path / "$HOME; x"
    assert run_declared(["touch", str(made)], NAME) == f"run touch ({NAME})"
    assert made.exists()


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["/nonexistent/maintenance"], r"cannot be run: No such file or directory"),
        (["sh", "-c", "echo no proxy; exit 3"], r"fails with 3: no proxy"),
        (["false"], r"fails with 1: it says nothing"),
    ],
)
def test_one_that_cannot_do_it_is_refused_with_what_it_said(command, told):
    with pytest.raises(Refusal, match=rf"{command[0]} \({NAME}\) {told}"):
        run_declared(command, NAME)


def test_one_that_hangs_is_ended(monkeypatch):
    monkeypatch.setattr(announce, "LONGEST_S", 0.2)
    with pytest.raises(Refusal, match="does not end within"):
        run_declared([sys.executable, "-c", "import time; time.sleep(600)"], NAME)


def test_what_it_makes_can_be_read_by_a_web_server(tmp_path):
    before = os.umask(0o077)  # of every module
    try:
        run_declared(["touch", str(tmp_path / "maintenance.html")], NAME)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "maintenance.html").stat().st_mode) == 0o644


@pytest.mark.attack
def test_the_password_of_an_address_that_it_repeats_is_not_told():
    with pytest.raises(Refusal) as refused:
        run_declared(["sh", "-c", "echo no answer at https://me:hidden@proxy/; exit 1"], NAME)
    assert "no answer at https://me:***@proxy/" in str(refused.value)
