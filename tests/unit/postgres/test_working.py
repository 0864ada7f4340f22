"""Processes are found by their working directory; what an account may not look at is told apart."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from clusters import process_in

from plugins.module_utils.reingest.postgres.working import container_of, innermost, working_in


def test_a_process_is_found_with_its_name_and_parent(tmp_path):
    with process_in(tmp_path) as pid:
        found = working_in(tmp_path)
        (process,) = found.first()
    assert (found.seen, found.unseen) == ((pid,), ())
    assert (process.pid, process.name, process.parent, process.container) == (pid, "sleep", os.getpid(), "")


def test_of_a_server_and_its_children_the_server_is_told(tmp_path):
    shell = subprocess.Popen(["sh", "-c", "sleep 600 & sleep 600 & echo; wait"], cwd=tmp_path, stdout=-1)
    shell.stdout.readline()
    found = working_in(tmp_path)
    try:
        assert len(found.seen) == 3
        assert [process.pid for process in found.first()] == [shell.pid]
    finally:
        for pid in found.seen:
            os.kill(pid, 9)
        shell.wait()
        shell.stdout.close()


def test_a_name_with_spaces_and_brackets_is_read(tmp_path):
    odd = tmp_path / "a) b (c"
    shutil.copy(shutil.which("sleep"), odd)
    process = subprocess.Popen([odd, "600"], cwd=tmp_path)
    try:
        assert [one.name for one in working_in(tmp_path).first()] == ["a) b (c"]
    finally:
        process.kill()
        process.wait()


def test_a_process_below_the_directory_or_gone_is_not_in_it(tmp_path):
    (tmp_path / "base").mkdir()
    with process_in(tmp_path / "base"):
        assert working_in(tmp_path).seen == ()
    assert working_in(tmp_path / "base").seen == ()


def test_where_there_is_no_directory_there_is_nobody(tmp_path):
    (tmp_path / "file").touch()
    assert working_in(tmp_path / "no").seen == working_in(tmp_path / "file" / "below").seen == ()


def test_a_process_outside_of_containers_is_in_none():
    assert container_of(os.getpid()) == ""
    assert container_of(int(max(Path("/proc/sys/kernel/pid_max").read_text().strip(), "1")) + 1) == ""


def test_the_innermost_container_is_told_whatever_hierarchy_has_it():
    outer, inner = "a" * 64, "b" * 64
    nested = f"9:name=systemd:/docker/{outer}/docker/{inner}\n0::/docker/{outer}\n"
    assert innermost(nested, [outer]) == inner
    assert innermost(nested, []) == inner
    assert innermost(f"0::/docker/{outer}\n", [outer]) == ""
    assert innermost(f"0::/system.slice/docker-{inner}.scope\n", []) == inner
    assert innermost("0::/user.slice/user-1000.slice\n", []) == ""
