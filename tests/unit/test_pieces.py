"""`make test-full` leaves nothing out: each integration test is in one piece of it."""

from __future__ import annotations

from pathlib import Path

import pieces

ROOT = Path(__file__).parents[2]


def test_each_integration_test_is_in_one_piece():
    there = {str(path.relative_to(ROOT)) for path in (ROOT / "tests/integration").rglob("test_*.py")}
    found = [
        str(file.relative_to(ROOT))
        for piece in pieces.PIECES
        for path in pieces.paths(piece)
        for file in ([ROOT / path] if path.endswith(".py") else (ROOT / path).rglob("test_*.py"))
    ]
    assert sorted(found) == sorted(there)


def test_each_scenario_is_in_one_tier():
    there = {path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml")}
    assert sorted([*pieces.QUICK_SCENARIOS, *pieces.FULL_SCENARIOS]) == sorted(there)


def test_an_unknown_piece_is_named_with_those_that_there_are(capsys):
    assert pieces.main(["everything"]) == 2
    assert "no such piece: everything; there are sources, " in capsys.readouterr().out
