"""What a host writes as the state of its load is data, and may be anything."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace

import pytest
from unit.load.states import load, table

from plugins.module_utils.reingest.load.look import look_command, read_look
from plugins.module_utils.reingest.load.progress import read_progress

pytestmark = pytest.mark.attack
GOOD = load(table()).as_values()


def text(**values):
    return json.dumps({**GOOD, **values})


TABLE = GOOD["tables"][0]
HOSTILE = {
    "a command for a process": text(process="1/stat; touch /tmp/pwned; cat 1"),
    "no process": text(process=0),
    "a truth for a process": text(process=True),
    "a text for seconds": text(seconds="1"),
    "negative rows": text(rows=-1),
    "not a number": text(seconds=float("nan")),
    "infinity": text(fill_seconds=float("inf")),
    "more than a float": text().replace('"seconds": 60.0', '"seconds": 1e999'),
    "a number of many digits": text().replace('"rows": 1000', '"rows": ' + "9" * 2_000_000),
    "a number for a text": text(run=7),
    "no time": text(heartbeat="yesterday"),
    "a time without a zone": text(heartbeat="2026-11-23T11:46:00"),
    "an unknown state": text(state="resting"),
    "tables as a text": text(tables="biosample"),
    "a table as a text": text(tables=["biosample"]),
    "a table with a text for rows": text(tables=[{**TABLE, "rows": "many"}]),
    "a table with negative seconds": text(tables=[{**TABLE, "seconds": -1.0}]),
    "deep": "[" * 1_000_000,
    "deep in a key": text().replace('"line": ""', '"line": ' + "[" * 100_000 + "]" * 100_000),
    "a list": "[]",
    "nothing": "",
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_state_that_is_none_is_refused_and_neither_crashes_nor_hangs(hostile):
    with pytest.raises(ValueError):
        read_progress(hostile)


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE.keys())
def test_such_a_state_is_no_state_to_the_controller(tmp_path, hostile):
    file = tmp_path / "progress.json"
    file.write_text(hostile)
    command = look_command(str(file), None, "")
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert read_look(done.stdout, None).state is None


def test_a_process_never_becomes_a_part_of_a_command():
    known = replace(load(table()), process="1; id")
    with pytest.raises(ValueError):
        look_command("/work/run/progress.json", known, "")


def test_an_endless_state_is_not_read_to_its_end(tmp_path):
    file = tmp_path / "progress.json"
    with file.open("wb") as made:
        made.truncate(1 << 40)
    done = subprocess.run(
        ["/bin/sh", "-c", look_command(str(file), None, "")], capture_output=True, text=True, check=False
    )
    assert len(done.stdout) < 16 << 20
    assert read_look(done.stdout, None).state is None


def test_texts_of_a_state_keep_no_character_that_is_not_seen():
    found = read_progress(text(line="\x1b[2J\u202egnp.exe", operator="a\nb"))
    assert (found.line, found.operator) == (r"\x1b[2J\u202egnp.exe", r"a\nb")
