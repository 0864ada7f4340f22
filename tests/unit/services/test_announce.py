"""The declared commands of a maintenance answer: what they did, or why they could not."""

from __future__ import annotations

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
