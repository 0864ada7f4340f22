from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass

import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.fs.durable_record import DamagedRecord, DurableRecord


@dataclass(frozen=True)
class Errand:
    goes: str
    times: int = 1
    version: int = 3


class DamagedErrand(DamagedRecord):
    pass


@pytest.fixture
def record(tmp_path):
    return DurableRecord(
        tmp_path / "errand.json",
        lambda raw: Errand(**raw),
        3,
        called="the errand",
        damaged=DamagedErrand,
        if_damaged=": send another",
    )


def test_what_was_written_is_read(record):
    assert record.read() is None
    record.write(Errand("out"))
    record.write(Errand("home", 2))
    assert record.read() == Errand("home", 2)
    assert json.loads(record.path.read_text()) == {"goes": "home", "times": 2, "version": 3}
    assert [path.name for path in record.path.parent.iterdir()] == ["errand.json"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '"x"', "{}", '{"version": null}', '{"version": 3, "other": 1}', "\xff"]
)
def test_a_damaged_one_says_what_is_to_be_done(record, text):
    record.path.write_text(text, encoding="latin-1")
    with pytest.raises(DamagedErrand, match=rf"^the errand {record.path} is damaged: send another$"):
        record.read()


@pytest.mark.parametrize("version", [2, 4])
def test_one_of_another_version_is_not_read(record, version):
    record.path.write_text(json.dumps({"goes": "out", "version": version}))
    expected = rf"is of version {version}, this reingest knows 3: update reingest$"
    with pytest.raises(Refusal, match=expected) as refused:
        record.read()
    assert not isinstance(refused.value, DamagedRecord)


def test_a_format_without_versions_reads_whatever_its_parser_takes(tmp_path):
    plain = DurableRecord(tmp_path / "plain.json", lambda raw: Errand(raw["goes"]))
    plain.path.write_text('{"goes": "out"}')
    assert plain.read() == Errand("out")


def test_it_is_removed_once_and_may_be_removed_again(record):
    record.write(Errand("out"))
    record.remove()
    record.remove()
    assert record.read() is None


def test_what_a_writer_that_died_had_made_ready_goes_with_it(record):
    record.write(Errand("out"))
    (record.path.parent / ".errand.json.new").write_text('{"goes": "ho')
    record.remove()
    assert list(record.path.parent.iterdir()) == []


def test_a_private_one_is_for_its_account_alone(tmp_path):
    private = DurableRecord(tmp_path / "private.json", lambda raw: Errand(**raw), 3)
    before = os.umask(0o022)
    try:
        private.write(Errand("out"))
    finally:
        os.umask(before)
    assert stat.S_IMODE(private.path.stat().st_mode) == 0o600


def test_one_that_is_put_aside_is_there_no_longer(record):
    record.write(Errand("out"))
    aside = record.put_aside("errand.damaged.json")
    assert record.read() is None
    assert json.loads(aside.read_text())["goes"] == "out"
