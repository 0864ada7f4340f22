"""Files of a data directory and of a copy: whatever they hold, they are read or refused, and soon."""

from __future__ import annotations

import json
import struct

import pytest
from hostile import fed, json_texts
from hypothesis import strategies as st

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.fs.copy_tree import DoneList
from plugins.module_utils.reingest.host.processes import started_in
from plugins.module_utils.reingest.postgres.control import crc32c, lsn_number, read_control
from plugins.module_utils.reingest.postgres.ready import stops, why_not_ready
from plugins.module_utils.reingest.postgres.settings import (
    command_line,
    file_settings,
    parse_settings,
    setting_faults,
)
from plugins.module_utils.reingest.postgres.working import innermost

WORDS = st.sampled_from(
    [
        *[
            "fsync",
            "full_page_writes",
            "=",
            "'",
            "''",
            "\\",
            "\\'",
            "off",
            "on",
            "#",
            "include",
            "include_dir",
            "'.'",
            "'/'",
            "..",
            "a.b",
            "-F",
            "-c",
        ],
        *(" ", "\n", "\r", "\f", "\0", "\x85", "\u2028", '"', "--fsync=off", "'postgresql.conf'"),
        *("include 'postgresql.conf'\n", "include_dir '.'\n", "include '/'\n"),
    ]
)
CONF = st.lists(WORDS | st.text(max_size=4), max_size=60).map("".join)
LONG = st.builds(
    lambda word, times, end: word * times + end, WORDS, st.sampled_from([1, 9, 20_000]), st.text(max_size=3)
)


@fed(CONF | LONG | st.builds("fsync = '{}".format, LONG))
def test_a_settings_file_is_read_line_by_line(only, text):
    with only():
        for one in parse_settings(text, "x"):
            assert one.name


@fed(st.lists(CONF | LONG, min_size=4, max_size=4))
def test_what_a_directory_sets_is_told_whatever_its_files_include(folder, only, texts):
    names = ("postgresql.conf", "postgresql.auto.conf", "postmaster.opts", "postmaster.pid")
    for name, text in zip(names, texts):
        (folder / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    with only(Refusal):
        file_settings(folder)
        setting_faults(folder)
    with only(Refusal):
        command_line(folder)
        stops(folder)
        why_not_ready(folder)


@pytest.mark.attack
@pytest.mark.parametrize(
    "line", ["include 'postgresql.conf'", "include_dir '.'", "include_if_exists 'postgresql.conf'"]
)
def test_files_that_include_themselves_are_refused_at_once(tmp_path, only, line):
    (tmp_path / "postgresql.conf").write_text(f"{line}\n" * 40)
    with pytest.raises(Refusal, match="includes more than 1000 files"), only():
        setting_faults(tmp_path)


@fed(st.sampled_from([1300, 1700, 1800, 1, 2**32 - 1]), st.binary(max_size=400), st.booleans())
def test_a_control_file_is_read_or_refused(folder, only, version, content, sound):
    raw = struct.pack("<QI", 12, version) + content
    offset = {1300: 288, 1700: 288, 1800: 292}.get(version, 0)
    if sound:
        raw = raw[:offset].ljust(offset, content[:1] or b"\0")
        raw = (raw + struct.pack("<I", crc32c(raw))).ljust(8192, b"\0")
    (folder / "global").mkdir(exist_ok=True)
    (folder / "global/pg_control").write_bytes(raw)
    with only(Refusal):
        found = read_control(folder)
        json.dumps(found.state)
        assert lsn_number(found.checkpoint_lsn) >= 0


@fed(st.text(max_size=200) | st.lists(st.sampled_from(["(", ")", " ", "S", "1", "9 "])).map("".join))
def test_what_the_kernel_tells_of_a_process_is_a_time_or_nothing(only, text):
    with only():
        assert started_in(text) is None or started_in(text)
        innermost(text, [])


@fed(st.lists(json_texts([[1, "base/1", 7, 8192, 12, "ab"], [1, "PG_VERSION", 7, 3, 12, "ab"]]), max_size=4))
def test_the_list_of_a_copy_is_read_and_what_is_no_line_is_copied_again(folder, only, lines):
    (folder / "done").write_bytes(b"\n".join(lines))
    with only():
        DoneList(folder / "done").close()
