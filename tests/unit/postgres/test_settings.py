"""The settings that a server would start with are found in its files: the last line counts."""

from __future__ import annotations

import subprocess

import pytest
from clusters import as_unprivileged, copy_of, programs

from plugins.module_utils.reingest.postgres.settings import (
    command_line,
    file_settings,
    is_on,
    setting_faults,
)


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "data"
    path.mkdir()
    (path / "postgresql.conf").write_text(
        "# fsync = off\n#full_page_writes = off\nport = 5432 # fsync = off\n"
    )
    return path


def write(data, name, text):
    path = data / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize("value", ["on", "ON", "1", "t", "tr", "true", "y", "yes"])
def test_what_postgresql_takes_for_true_is_on(value):
    assert is_on(value)


@pytest.mark.parametrize("value", ["off", "of", "0", "f", "false", "n", "no", "", "o", "maybe"])
def test_everything_else_is_not(value):
    assert not is_on(value)


def test_comments_set_nothing(data):
    assert set(file_settings(data)) == {"port"}
    assert setting_faults(data) == []


@pytest.mark.parametrize(
    "line", ["fsync = off", "fsync=off", "fsync off", "  FSYNC = 'off'  # for the load", "fsync 'o''ff'"]
)
def test_every_way_to_write_a_setting_is_read(data, line):
    write(data, "postgresql.conf", f"port = 1\n{line}\n")
    (fault,) = setting_faults(data)
    assert f"{data}/postgresql.conf:2 sets fsync = o" in fault
    assert "a power cut would damage it: take it out, restart the staging server" in fault


def test_the_last_line_counts(data):
    write(data, "postgresql.conf", "fsync = off\nfsync = on\n")
    assert setting_faults(data) == []
    write(data, "postgresql.conf", "fsync = on\nfsync = off\n")
    assert "postgresql.conf:2" in setting_faults(data)[0]


def test_the_auto_file_counts_before_the_other(data):
    write(data, "postgresql.conf", "fsync = off\nfull_page_writes = on\n")
    write(data, "postgresql.auto.conf", "fsync = 'on'\nfull_page_writes = 'off'\n")
    (fault,) = setting_faults(data)
    assert "postgresql.auto.conf:2 sets full_page_writes = off" in fault


def test_included_files_and_folders_are_read_where_they_are_included(data):
    write(data, "load.conf", "fsync = off\n")
    write(data, "conf.d/10.conf", "fsync = on\n")
    write(data, "conf.d/20.conf", "include '../load.conf'\n")
    write(data, "conf.d/.hidden.conf", "full_page_writes = off\n")
    write(data, "conf.d/note.txt", "full_page_writes = off\n")
    for lines, off in (
        ("include 'load.conf'", True),
        ("include_if_exists = 'load.conf'\nfsync = on", False),
        ("fsync = on\ninclude_dir 'conf.d'", True),
        ("include_dir 'conf.d'\nfsync on", False),
        ("include_if_exists 'absent.conf'\ninclude_dir 'nowhere'\ninclude '/container/only.conf'", False),
    ):
        write(data, "postgresql.conf", lines + "\n")
        assert bool(setting_faults(data)) is off, lines


def test_a_file_that_includes_itself_ends(data):
    write(data, "postgresql.conf", "fsync = off\ninclude 'postgresql.conf'\n")
    assert len(setting_faults(data)) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        '"-c" "fsync=off"',
        '"-cfsync=off"',
        '"--fsync=off"',
        '"-F"',
        '"-iF"',
        '"-c" "fsync=on" "--full-page-writes=0"',
        '"-p" "5432" "-F"',
    ],
)
def test_the_command_line_of_the_last_start_is_read(data, arguments):
    write(data, "postmaster.opts", f'/usr/bin/postgres "-D" "/srv/F/-F" {arguments}\n')
    (fault,) = setting_faults(data)
    assert f"{data}/postmaster.opts sets " in fault
    assert "start the staging server without it" in fault


def test_values_of_other_options_are_no_switches(data):
    write(
        data,
        "postmaster.opts",
        '/usr/bin/postgres "-D" "-F" "-k" "F" "-p5432" "-c" "fsync=off" "-c" "fsync=on"\n',
    )
    assert setting_faults(data) == []


@pytest.mark.parametrize("major", [16, 18])
def test_agrees_with_the_server_itself(cluster, tmp_path, major):
    data = copy_of(cluster(major), cluster(major).parent / "settings")
    write(data, "more.conf", "full_page_writes = of\nmax_connections = 55\n")
    with (data / "postgresql.conf").open("a") as out:
        out.write("max_connections = 33\nfsync off\ninclude 'more.conf' # the last one\nfsync = 'yes'\n")
    told = {}
    for name in ("fsync", "full_page_writes", "max_connections"):
        command = [programs(major, data.parents[1]) / "postgres", "-D", data, "-C", name]
        run = subprocess.run(
            command, check=True, capture_output=True, text=True, cwd="/", **as_unprivileged()
        )
        told[name] = run.stdout.strip()
    found = file_settings(data)
    assert told == {"fsync": "on", "full_page_writes": "off", "max_connections": "55"}
    assert {name: is_on(found[name].value) for name in ("fsync", "full_page_writes")} == {
        "fsync": True,
        "full_page_writes": False,
    }
    assert found["max_connections"].value == "55"
    assert command_line(data) == {}
