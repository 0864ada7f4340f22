"""The rejects of a run as its report groups them, read from real files."""

from __future__ import annotations

import json

import pytest

from plugins.module_utils.reingest.reporting.rejects import rejects_in


@pytest.fixture
def reject(tmp_path):
    """Return ``reject(table, line, value, ...)``, which writes one into the run's folder."""

    def write(table, line, value, reason="", column="latitude"):
        reason = reason or f'invalid input syntax for type double precision: "{value}"'
        entry = {"file": "/d/b.jsonl", "line": line, "column": column, "value": value, "reason": reason}
        with (tmp_path / f"{table}.jsonl").open("a") as file:
            file.write(json.dumps(entry) + "\n")

    return write


def test_rows_of_one_reason_are_one_group_whatever_their_values(reject, tmp_path):
    for line, value in enumerate(("north", "south", "east"), start=1):
        reject("biosample", line, value)
    reject("a%2Fb", 9, "x", reason="names a row of study that does not exist", column=None)
    found = rejects_in(tmp_path, values=False)
    assert (found["rows"], found["whole"]) == (4, True)
    assert [(one["table"], one["column"], one["rows"]) for one in found["groups"]] == [
        ("a/b", "", 1),
        ("biosample", "latitude", 3),
    ]
    assert found["groups"][1]["places"][0] == {"file": "/d/b.jsonl", "line": 1}
    assert not any(word in json.dumps(found) for word in ("north", "south", "east"))


def test_values_are_there_where_they_are_asked_for_and_cut(reject, tmp_path):
    reject("biosample", 1, "n" * 500)
    (group,) = rejects_in(tmp_path, values=True)["groups"]
    assert group["places"][0]["value"] == "n" * 80 + "..."
    assert "nnn" not in group["reason"]


def test_a_run_without_rejects_has_none(tmp_path):
    assert rejects_in(tmp_path, values=True) == {}


def test_of_very_many_a_part_is_looked_at_and_each_table_has_its_part(reject, tmp_path):
    line = json.dumps({"file": "f", "line": 1, "column": "c", "value": "v" * 9000, "reason": "r"}) + "\n"
    (tmp_path / "big.jsonl").write_text(line * 1000)
    reject("small", 1, "x")
    found = rejects_in(tmp_path, values=False)
    assert not found["whole"]
    assert 200 < found["rows"] < 500
    assert {group["table"] for group in found["groups"]} == {"big", "small"}


@pytest.mark.attack
def test_what_is_no_reject_is_passed_over_and_no_link_is_followed(reject, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(json.dumps({"reason": "secret", "line": 1}) + "\n")
    (tmp_path / "link.jsonl").symlink_to(secret)
    (tmp_path / "odd.jsonl").write_bytes(
        b'[1]\n{"line": {}}\n\xff\n' + b'{"a":' * 9000 + b"\n" + b"x" * (2 << 20)
    )
    reject("biosample", 1, "\x1b[2J\u202e")
    found = rejects_in(tmp_path, values=True)
    assert "secret" not in json.dumps(found)
    assert not found["whole"]
    assert found["groups"][-1]["places"] == [{"file": "None", "line": 0, "value": "None"}]
    assert "\\x1b[2J" in found["groups"][0]["places"][0]["value"]
