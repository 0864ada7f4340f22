"""``pg_control`` is parsed as ``pg_controldata`` prints it, and never believed when damaged."""

from __future__ import annotations

import re
import subprocess

import pytest
from clusters import IN_PRODUCTION, MAJORS, copy_of, edit_control, need_major, programs

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.postgres.control import crc32c, lsn_number, read_control


def test_crc32c_of_the_standard_check_value():
    assert crc32c(b"123456789") == 0xE3069283


@pytest.mark.parametrize("major", MAJORS)
def test_agrees_with_pg_controldata(cluster, major):
    need_major(major)
    data = cluster(major)
    printed = subprocess.run(
        [programs(major, data.parents[1]) / "pg_controldata", data],
        check=True,
        capture_output=True,
        text=True,
        env={"LC_ALL": "C"},
    ).stdout
    told = dict(re.findall(r"^(.+?):\s+(.*)$", printed, re.MULTILINE))
    control = read_control(data)
    assert control.system_identifier == told["Database system identifier"]
    assert str(control.control_version) == told["pg_control version number"]
    assert str(control.catalog_version) == told["Catalog version number"]
    assert control.state == told["Database cluster state"]
    assert control.checkpoint_lsn == told["Latest checkpoint's REDO location"]
    assert str(control.timeline) == told["Latest checkpoint's TimeLineID"]
    assert control.full_page_writes == (told["Latest checkpoint's full_page_writes"] == "on")
    assert control.wal_level == told["wal_level setting"]
    assert control.clean


def test_a_server_in_production_is_not_clean(cluster, tmp_path):
    data = copy_of(cluster(16), tmp_path / "data")
    edit_control(data, state=IN_PRODUCTION)
    assert read_control(data).state == "in production"
    assert not read_control(data).clean


def test_shut_down_in_recovery_is_not_clean(cluster, tmp_path):
    data = copy_of(cluster(16), tmp_path / "data")
    edit_control(data, state=2)
    assert not read_control(data).clean


def test_one_wrong_bit_is_refused(cluster, tmp_path):
    data = copy_of(cluster(16), tmp_path / "data")
    edit_control(data, identifier=1, crc=False)
    with pytest.raises(Refusal, match=r"global/pg_control fails its checksum.*promote another snapshot"):
        read_control(data)


def test_an_unknown_version_is_refused(cluster, tmp_path):
    data = copy_of(cluster(16), tmp_path / "data")
    path = data / "global" / "pg_control"
    raw = bytearray(path.read_bytes())
    raw[8:12] = (1201).to_bytes(4, "little")
    path.write_bytes(raw)
    with pytest.raises(Refusal, match="control version 1201; only PostgreSQL 14 to 18"):
        read_control(data)


def test_a_cut_file_is_refused(cluster, tmp_path):
    data = copy_of(cluster(16), tmp_path / "data")
    (data / "global" / "pg_control").write_bytes(b"\0" * 40)
    with pytest.raises(Refusal, match=r"cut short .40 bytes."):
        read_control(data)


def test_a_folder_without_it_is_no_data_directory(tmp_path):
    with pytest.raises(Refusal, match=r"is not a PostgreSQL data directory: .*pg_control is missing"):
        read_control(tmp_path)


def test_positions_are_compared_as_numbers():
    assert lsn_number("1/0") > lsn_number("0/FFFFFFFF") > lsn_number("0/9000028")
