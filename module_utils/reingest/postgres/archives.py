"""A whole database as an archive of pg_dump: into a file that is open, and out of one.

The programs get the archive as a file that this process opened, never a path. A password is in their
environment, where only this account and root see it.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from psycopg2.extensions import make_dsn, parse_dsn

from ..errors import Refusal
from .dsn import Connection, with_database
from .programs import find_program

_MAINTENANCE = "postgres"
_PATH = "/usr/bin:/bin"
_NO_OTHER_TEXT = {"PGCLIENTENCODING", "PGOPTIONS", "PGDATABASE"}  # what would change what an archive holds
_SHOWN = 3  # lines of a program's own in a refusal
# What a role or a database may be set to, and what would keep a program from its work.
_OPTIONS = (
    "-c default_transaction_read_only=off -c statement_timeout=0 -c lock_timeout=0"
    " -c enable_parallel_hash=off"  # of views that are refreshed: its tables lie in /dev/shm
)


@dataclass(frozen=True)
class Programs:
    """PostgreSQL's own programs, of the servers' major version."""

    dump: Path
    restore: Path


def programs_of(connection: Connection) -> Programs:
    """Return the programs that fit a server.

    Raises:
        Refusal: this host lacks one, with the package that has it.
    """
    return programs_of_major(connection.server_version // 10000, "databases whole")


def programs_of_major(major: int, carried: str) -> Programs:
    """Return the programs of a major version; ``carried`` is what they carry.

    Raises:
        Refusal: this host lacks one, with the package that has it.
    """
    found = [find_program(name, major) for name in ("pg_dump", "pg_restore")]
    if found[0] is None or found[1] is None:
        missing = " and ".join(name for name, path in zip(("pg_dump", "pg_restore"), found) if path is None)
        raise Refusal(
            f"this host has no {missing} of PostgreSQL {major}, which carries {carried}: install "
            f"postgresql-client-{major} (Debian) or postgresql{major} (Red Hat)"
        )
    return Programs(found[0], found[1])


def dump(
    programs: Programs, login: str, database: str, out: BinaryIO, *, snapshot: str, longest: float
) -> None:
    """Write a database into a file.

    Args:
        programs: what ``programs_of`` returned.
        login: a superuser's connection string of the server.
        database: the database.
        out: the file.
        snapshot: the exported snapshot that is written.
        longest: after how many seconds it is ended.

    Raises:
        Refusal: it cannot be written; with pg_dump's reason.
    """
    options = ["--format=custom", f"--snapshot={snapshot}", "--no-subscriptions", "--no-tablespaces"]
    run_with_login(programs.dump, options, login, database, longest, stdout=out)


def restore(programs: Programs, login: str, archive: BinaryIO, *, longest: float) -> None:
    """Make the database of an archive, under the name that it had there.

    Its owner, rights, settings and comment come along; roles must be there.

    Raises:
        Refusal: it cannot be made as it was; with pg_restore's reason.
    """
    options = ["--format=custom", "--create", "--exit-on-error", "--no-subscriptions", "--no-tablespaces"]
    run_with_login(programs.restore, options, login, _MAINTENANCE, longest, stdin=archive)


def run_with_login(
    program: Path,
    options: Sequence[str],
    login: str,
    database: str,
    longest: float,
    *,
    stdin: BinaryIO | None = None,
    stdout: BinaryIO | None = None,
) -> None:
    """Run a program that logs in to a server.

    Raises:
        Refusal: it cannot be run, or failed, with its reason.
    """
    parts = dict(parse_dsn(with_database(login, database)))
    password = parts.pop("password", "")
    if "sslpassword" in parts:
        raise Refusal(
            f"the connection string has an sslpassword, which {program.name} can be told only where others "
            "see it: use a key without one"
        )
    parts["options"] = f"{parts.get('options', '')} {_OPTIONS}".strip()
    parts["application_name"] = f"reingest {program.name}"
    # What libpq reads of this process's environment holds for the program, too: it logs in as this process.
    kept = {
        name: value
        for name, value in os.environ.items()
        if name == "HOME" or (name.startswith("PG") and name not in _NO_OTHER_TEXT)
    }
    environment = {**kept, "PATH": _PATH, "LC_ALL": "C"}
    if password:
        environment["PGPASSWORD"] = password
    arguments = [*options, "--no-password", f"--dbname={make_dsn(**parts)}"]
    run_program(program, arguments, longest, environment, stdin=stdin, stdout=stdout)


def run_program(
    program: Path,
    arguments: Sequence[str],
    longest: float,
    environment: Mapping[str, str] | None = None,
    *,
    stdin: BinaryIO | None = None,
    stdout: BinaryIO | None = None,
    passed: Sequence[int] = (),
) -> None:
    """Run one of PostgreSQL's programs.

    Args:
        program: its path.
        arguments: without a secret.
        longest: after how many seconds it is ended.
        environment: its variables; a password is in none but PGPASSWORD.
        stdin: what it reads; nothing.
        stdout: what it writes into; thrown away.
        passed: further open files that it gets, by their numbers.

    Raises:
        Refusal: it cannot be run, or failed, with its reason.
    """
    environment = {"PATH": _PATH, "LC_ALL": "C"} if environment is None else environment
    password = environment.get("PGPASSWORD", "")
    try:
        ended = subprocess.run(  # noqa: S603 - a program of this host
            [str(program), *arguments],
            stdin=stdin or subprocess.DEVNULL,
            stdout=stdout or subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd="/",
            env=dict(environment),
            timeout=longest,
            check=False,
            pass_fds=passed,
        )
    except subprocess.TimeoutExpired:
        raise Refusal(f"{program.name} was ended: it took more than {longest:.0f} s") from None
    except OSError as error:
        raise Refusal(f"{program} cannot be run: {error.strerror or error}") from None
    if ended.returncode:
        raise Refusal(f"{program.name} failed: {_reason(ended.stderr, password)}")


def _reason(told: bytes, password: str) -> str:
    """Return the program's own errors; statements that it shows may hold a secret."""
    lines = [line.strip() for line in told.decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("pg_") and "error:" in line]
    errors = [line.partition("error: ")[2] for line in errors] or ["it gave no reason"]
    said = "; ".join(errors[-_SHOWN:])
    return said.replace(password, "***") if password else said
