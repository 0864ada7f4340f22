"""The settings for a load: made for version and machine, one file, and one line that goes without a trace."""

from __future__ import annotations

import pytest

from plugins.module_utils.reingest.host.machine import Machine
from plugins.module_utils.reingest.postgres.load_settings import (
    excluded,
    included,
    load_settings,
    render,
    rendered,
    stronger_settings,
)
from plugins.module_utils.reingest.postgres.settings import LOAD_CONF, Setting

GIB = 1 << 30
LINE = b"include_if_exists = 'reingest.load.conf' # reingest, while a load runs"


def settings(
    major=16, memory=16 * GIB, cores=4, *, free=100 * GIB, own=(), slots=False, autovacuum=False, **stronger
):
    return load_settings(
        major,
        Machine(memory, cores),
        free=free,
        own={name: Setting(name, value, "postgresql.conf:1") for name, value in own},
        stronger={name: Setting(name, value, "command line") for name, value in stronger.items()},
        slots=slots,
        autovacuum=autovacuum,
    )


@pytest.mark.parametrize(("major", "known"), [(14, False), (15, False), (16, False), (17, True), (18, True)])
def test_a_server_is_only_told_what_its_version_knows(major, known):
    assert ("summarize_wal" in settings(major)) is known
    assert settings(major)["wal_level"] == "minimal"


def test_durability_is_off_and_checkpoints_are_rare():
    made = settings()
    for name in ("fsync", "full_page_writes", "synchronous_commit", "autovacuum", "wal_recycle"):
        assert made[name] == "off"
    assert made["checkpoint_timeout"] == "1d"


@pytest.mark.parametrize(
    ("memory", "cores", "buffers", "each", "workers"),
    [
        (16 * GIB, 4, "2048MB", "512MB", "3"),
        (GIB // 2, 1, "128MB", "64MB", "0"),
        (1 << 42, 4, "4096MB", "2048MB", "3"),
        (GIB, 64, "128MB", "64MB", "8"),
    ],
)
def test_memory_and_workers_follow_the_machine(memory, cores, buffers, each, workers):
    made = settings(memory=memory, cores=cores)
    assert (made["shared_buffers"], made["maintenance_work_mem"]) == (buffers, each)
    assert made["max_parallel_maintenance_workers"] == workers


@pytest.mark.parametrize(
    ("free", "wal"), [(0, "1024MB"), (33 * GIB, "4096MB"), (39 * GIB, "4096MB"), (1 << 50, "65536MB")]
)
def test_the_wal_is_bounded_by_the_free_space_and_does_not_change_with_each_byte(free, wal):
    assert settings(free=free)["max_wal_size"] == wal


@pytest.mark.parametrize(
    ("name", "less", "more"),
    [
        ("maintenance_work_mem", "64MB", "8 GB"),
        ("maintenance_work_mem", "65536", "8388608"),
        ("shared_buffers", "128MB", "8GB"),
        ("shared_buffers", "16384", "1048576"),
        ("max_wal_size", "1024", "1TB"),
    ],
)
def test_a_cluster_never_gets_less_memory_than_its_own_files_give_it(name, less, more):
    assert settings(own=[(name, less)])[name] == settings()[name]
    assert settings(own=[(name, "no size")])[name] == settings()[name]
    made = settings(own=[(name, more)])
    assert made[name] == more
    assert rendered(render(made, run="run", operator="somebody")) == made


@pytest.mark.parametrize(
    "stronger",
    [{"max_wal_senders": "5"}, {"archive_mode": "on"}, {"archive_mode": "always"}, {"summarize_wal": "on"}],
)
def test_a_server_that_must_ship_its_wal_keeps_its_level_and_starts(stronger):
    made = settings(18, **stronger)
    assert not {"wal_level", "max_wal_senders", "summarize_wal"} & set(made)
    assert made["fsync"] == "off"


def test_no_load_is_archived_unless_something_stronger_says_so():
    for made in (
        settings(),
        settings(slots=True),
        settings(max_wal_senders="5"),
        settings(archive_mode="off"),
    ):
        assert made["archive_mode"] == "off"
    for mode in ("on", "always"):
        assert "archive_mode" not in settings(archive_mode=mode)


def test_a_command_line_that_ships_nothing_is_no_obstacle():
    assert settings(max_wal_senders="0", archive_mode="off", summarize_wal="off")["wal_level"] == "minimal"


def test_replication_slots_keep_their_wal():
    assert "wal_level" not in settings(slots=True)


def test_a_loader_that_reads_what_it_wrote_has_its_statistics():
    assert settings(autovacuum=True)["autovacuum"] == "on"


def test_the_command_line_counts_before_what_alter_system_wrote(tmp_path):
    automatic = tmp_path / "postgresql.auto.conf"
    line = {"fsync": Setting("fsync", "on", "command line")}
    assert stronger_settings(automatic, line) == line
    automatic.write_text("# by ALTER SYSTEM\nmax_wal_senders = '5'\nfsync = 'off'\n")
    found = stronger_settings(automatic, line)
    assert (found["max_wal_senders"].value, found["fsync"].value) == ("5", "on")


def test_the_file_says_who_wrote_it_and_is_read_as_it_was_written():
    text = render(settings(18), run="20261123T114500Z-4711", operator="0000-0002-1825-0097")
    first = text.decode().splitlines()[0]
    assert first == "# Written by reingest for run 20261123T114500Z-4711 of 0000-0002-1825-0097."
    assert rendered(text) == settings(18)
    assert rendered(None) is None


@pytest.mark.parametrize(
    "before",
    [
        b"",
        b"\n",
        b"port = 1\n",
        b"port = 1",
        b"port = 1\n\n",
        b"port = 1\r\n",
        b"# \xff\xfe\nport = 1",
        b"\n\n",
    ],
)
def test_the_line_is_the_last_one_and_goes_without_a_trace(before):
    with_line = included(before)
    assert with_line.rstrip(b"\n").rpartition(b"\n")[2] == LINE
    assert included(with_line) == with_line
    assert excluded(with_line) == before
    assert excluded(before) == before


def test_a_line_that_is_not_the_last_any_more_is_moved_there_and_what_came_after_it_stays():
    edited = included(b"port = 1\n") + b"fsync = on\n"
    assert included(edited) == b"port = 1\nfsync = on\n" + LINE + b"\n"
    assert excluded(edited) == b"port = 1\nfsync = on\n"


def test_a_line_of_the_operators_own_is_left_alone():
    own = f"include_if_exists = '{LOAD_CONF}'\n".encode()
    assert excluded(included(own)) == own
