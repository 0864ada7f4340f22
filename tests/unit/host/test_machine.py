"""A server in a container may use what its control groups allow, of either version."""

from __future__ import annotations

import os

import pytest

from plugins.module_utils.reingest.host.machine import machine_of

GIB = 1 << 30


@pytest.fixture
def site(tmp_path):
    """Return ``make(listing, limits)``: a /proc with process 7, and its control groups."""

    def make(listing, limits):
        (tmp_path / "proc/7").mkdir(parents=True)
        (tmp_path / "proc/meminfo").write_text("MemTotal:       16777216 kB\nMemFree:  1 kB\n")
        (tmp_path / "proc/7/cgroup").write_text(listing)
        for path, text in limits.items():
            file = tmp_path / "groups" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{text}\n")
        return {"proc": tmp_path / "proc", "groups": tmp_path / "groups"}

    return make


def test_without_limits_it_is_the_whole_machine(site):
    places = site("0::/\n", {})
    for pid in (None, 7):
        found = machine_of(pid, **places)
        assert (found.memory, found.cores) == (16 * GIB, len(os.sched_getaffinity(0)))


def test_the_closest_limit_of_all_the_groups_around_it_counts(site):
    places = site(
        "0::/docker/abc\n",
        {
            "docker/abc/memory.max": "max",
            "docker/memory.max": str(2 * GIB),
            "docker/abc/cpu.max": "100000 100000",
        },
    )
    found = machine_of(7, **places)
    assert (found.memory, found.cores) == (2 * GIB, 1)


def test_a_part_of_a_core_is_one(site):
    assert machine_of(7, **site("0::/a\n", {"a/cpu.max": "50000 100000"})).cores == 1


def test_the_older_control_groups_are_read_too(site):
    places = site(
        "9:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n0::/\n",
        {"memory/docker/abc/memory.limit_in_bytes": str(3 * GIB), "docker/abc/memory.max": "1"},
    )
    assert machine_of(7, **places).memory == 3 * GIB


def test_a_process_that_ended_meanwhile_has_the_machine(site):
    assert machine_of(8, **site("0::/\n", {})).memory == 16 * GIB


def test_this_machine_has_memory_and_cores():
    found = machine_of(os.getpid())
    assert found.memory > 1 << 20
    assert found.cores >= 1
