"""pg_dump and pg_restore as they are called: what they are told, and what of their words reaches a report."""

from __future__ import annotations

import sys

import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.postgres.archives import Programs, dump, programs_of, restore

LOGIN = "postgresql://boss:S3cret%20x@db.example:5433/portal?options=-c%20work_mem%3D8MB"


@pytest.fixture
def program(tmp_path):
    """Return ``make(script)``: both programs, a script of Python."""

    def make(script):
        path = tmp_path / "pg_program"
        path.write_text(f"#!{sys.executable}\nimport os, sys, time\n{script}\n")
        path.chmod(0o755)
        return Programs(path, path)

    return make


def test_a_password_is_in_the_environment_alone(program, tmp_path, monkeypatch):
    monkeypatch.setenv("PGPASSFILE", "/secrets/pgpass")
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    monkeypatch.setenv("LD_PRELOAD", "")
    told = program("print(sys.argv[1:]); print(sorted(os.environ.items()))")
    with (tmp_path / "out").open("wb") as out:
        dump(told, LOGIN, "jobs's", out, snapshot="0001-1", longest=60)
    arguments, environment = (tmp_path / "out").read_text().splitlines()
    assert "S3cret" not in arguments
    assert "--snapshot=0001-1" in arguments
    assert "host=db.example" in arguments
    assert "port=5433" in arguments
    assert "-c work_mem=8MB -c default_transaction_read_only=off" in arguments
    kept = {name: value for name, value in eval(environment) if not name.startswith("__")}
    assert kept.pop("HOME", "/")
    kept = {name: value for name, value in kept.items() if name != "LC_CTYPE"}  # Python's own
    assert kept == {
        "PATH": "/usr/bin:/bin",
        "LC_ALL": "C",
        "PGPASSFILE": "/secrets/pgpass",
        "PGPASSWORD": "S3cret x",
    }


def test_an_archive_is_read_where_it_is_open(program, tmp_path):
    (tmp_path / "archive").write_bytes(b"rows")
    told = program("sys.exit(sys.stdin.read() != 'rows')")
    with (tmp_path / "archive").open("rb") as archive:
        restore(told, LOGIN, archive, longest=60)


def test_errors_are_told_and_neither_statements_nor_secrets(program, tmp_path):
    told = program(
        "sys.stderr.write('''pg_restore: error: could not execute query: ERROR:  no S3cret x here\n"
        "DETAIL:  hidden\n"
        "Command was: CREATE USER MAPPING OPTIONS (password 'other')\n''')\nsys.exit(1)"
    )
    with (tmp_path / "program").open("wb+") as archive, pytest.raises(Refusal) as refused:
        restore(told, LOGIN, archive, longest=60)
    assert str(refused.value) == "pg_program failed: could not execute query: ERROR:  no *** here"


def test_a_program_that_takes_too_long_is_ended(program, tmp_path):
    with (tmp_path / "out").open("wb") as out, pytest.raises(Refusal, match="took more than 1 s"):
        dump(program("time.sleep(60)"), LOGIN, "jobs", out, snapshot="", longest=1)


def test_a_key_with_a_password_is_refused(program, tmp_path):
    with (tmp_path / "out").open("wb") as out, pytest.raises(Refusal, match="use a key without one"):
        dump(program(""), "host=x sslpassword=s", "jobs", out, snapshot="", longest=1)


class Session:
    server_version = 990001


def test_a_host_without_the_programs_is_refused_with_the_package():
    with pytest.raises(Refusal, match=r"no pg_dump and pg_restore of PostgreSQL 99.*postgresql-client-99"):
        programs_of(Session())
