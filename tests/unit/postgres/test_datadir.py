"""What keeps a data directory from being promoted is found, and named with its remedy."""

from __future__ import annotations

import pytest
from clusters import IN_PRODUCTION, copy_of, edit_control, process_in

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.postgres.datadir import (
    is_data_directory,
    processes_in,
    read_data_directory,
    structure_faults,
    use_faults,
    version_faults,
)


@pytest.fixture
def data(cluster, tmp_path):
    return copy_of(cluster(16), tmp_path / "data")


def test_a_cluster_as_initdb_leaves_it_has_no_fault(data):
    assert is_data_directory(data)
    assert structure_faults(data) + use_faults(data) == []


def test_mode_0750_is_as_good_as_0700(data):
    data.chmod(0o750)
    assert structure_faults(data) == []


def test_mode_0755_is_a_fault(data):
    data.chmod(0o755)
    assert structure_faults(data) == [
        f"{data} has mode 0755, PostgreSQL starts only on 0700 or 0750: chmod 0700 {data}"
    ]


def test_a_linked_pg_wal_is_a_fault(data, tmp_path):
    (data / "pg_wal").rename(tmp_path / "wal")
    (data / "pg_wal").symlink_to(tmp_path / "wal")
    (fault,) = structure_faults(data)
    assert f"pg_wal is a link to {tmp_path}/wal" in fault


def test_a_tablespace_is_a_fault(data):
    (data / "pg_tblspc" / "16400").symlink_to("/srv/fast")
    (fault,) = structure_faults(data)
    assert "pg_tblspc/16400 is a tablespace" in fault


def test_a_linked_directory_is_a_fault(data, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(data)
    (fault,) = structure_faults(link)
    assert f"{link} is a link to {data}" in fault


@pytest.mark.parametrize("name", ["postmaster.pid", "backup_label", "standby.signal", "recovery.signal"])
def test_a_file_that_says_in_use_is_a_fault(data, name):
    (data / name).touch()
    (fault,) = use_faults(data)
    assert fault.startswith(f"{data}/{name} is there: ")


def test_an_unclean_stop_is_a_fault(data):
    edit_control(data, state=IN_PRODUCTION)
    (fault,) = use_faults(data)
    assert "was not shut down cleanly (pg_control says: in production)" in fault


def test_a_process_that_works_there_is_found(data):
    with process_in(data) as pid:
        assert processes_in(data) == [pid]
    assert processes_in(data) == []


def test_a_process_is_found_through_a_link_too(data, tmp_path):
    link = tmp_path / "prod"
    link.symlink_to("data")
    with process_in(data) as pid:
        assert processes_in(link) == [pid]


def test_another_major_is_a_fault(cluster):
    (fault,) = version_faults(read_data_directory(cluster(18)), read_data_directory(cluster(16)))
    assert "is of PostgreSQL 18, production is of 16: load with 16" in fault


def test_another_catalog_version_is_a_fault(cluster, data):
    edit_control(data, catalog=202307070)
    (fault,) = version_faults(read_data_directory(data), read_data_directory(cluster(16)))
    assert "catalog version 202307070, production has 202307071: both must run from one image" in fault


def test_nothing_is_compared_before_the_first_promotion(data):
    assert version_faults(read_data_directory(data), None) == []


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (lambda path: None, "there is no such directory"),
        (lambda path: path.mkdir(), "it is empty"),
        (lambda path: (path / "base").mkdir(parents=True), "it has no PG_VERSION"),
    ],
)
def test_what_is_no_database_is_refused_with_the_reason(tmp_path, prepare, reason):
    path = tmp_path / "ingest"
    prepare(path)
    with pytest.raises(Refusal, match=f"holds no database: {reason}; load into it first"):
        read_data_directory(path)
