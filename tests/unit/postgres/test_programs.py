"""A program of PostgreSQL counts where it is of the server's major version."""

from __future__ import annotations

import pytest

from plugins.module_utils.reingest.postgres.programs import find_program


@pytest.fixture
def told(tmp_path, monkeypatch):
    """Return ``told(text)``, which puts a pg_dump into PATH that says it of itself."""

    def put(text, mode=0o755):
        program = tmp_path / "pg_dump"
        program.write_text(f"#!/bin/sh\nprintf '%s\\n' '{text}'\n")
        program.chmod(mode)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        return program

    return put


@pytest.mark.parametrize("text", ["pg_dump (PostgreSQL) 77.4", "pg_dump (PostgreSQL) 77.4 (Debian 77.4-1)"])
def test_one_in_path_of_that_version_is_taken(told, text):
    program = told(text)
    assert find_program("pg_dump", 77) == program


@pytest.mark.parametrize("text", ["pg_dump (PostgreSQL) 7.7", "pg_dump (PostgreSQL) 770.1", "pg_dump 77", ""])
def test_one_of_another_version_is_not(told, text):
    told(text)
    assert find_program("pg_dump", 77) is None


def test_one_that_cannot_be_run_is_not(told):
    told("pg_dump (PostgreSQL) 77.4", mode=0o644)
    assert find_program("pg_dump", 77) is None
