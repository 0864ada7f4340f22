"""The definitions of a database as pg_dump writes them: an archive without rows, and single entries of it.

An archive has a list of its entries, each with the catalogue and the OID of its object, in an order in which
they can be made. A list of one entry gives the statements of that one: nothing has to be taken apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import BinaryIO

from ..errors import Refusal
from .archives import Programs, run_program, run_with_login

_LONGEST_S = 120.0
_LOCK_WAIT = "10s"
_OPTIONS = (
    "--format=custom", "--schema-only", "--create", "--encoding=UTF8", f"--lock-wait-timeout={_LOCK_WAIT}",
    "--exclude-schema=reingest", "--no-privileges", "--no-comments", "--no-security-labels",
    "--no-subscriptions", "--no-tablespaces",
)  # fmt: skip
_ENTRY = re.compile(r"^(\d+); (\d+) (\d+) .*$", re.MULTILINE)
# What stands around the statements: comments, settings of the session, and since 2025 psql's \restrict.
_BEGINS = re.compile(r"\n--\n-- Name: [^\n]*\n--\n")
_ENDS = "\n--\n-- PostgreSQL database dump complete\n--\n"


@dataclass(frozen=True)
class Entry:
    """One entry: its line of the list, and its place in the order."""

    line: str
    position: int


def dump_schema(programs: Programs, login: str, database: str, out: BinaryIO) -> None:
    """Write all definitions of a database into a file.

    Raises:
        Refusal: it cannot be written; with pg_dump's reason.
    """
    run_with_login(programs.dump, _OPTIONS, login, database, _LONGEST_S, stdout=out)


def read_entries(programs: Programs, archive: BinaryIO) -> dict[tuple[int, int], Entry]:
    """Return the entries of an archive by catalogue and OID.

    Raises:
        Refusal: pg_restore cannot read it.
    """
    listed = _told(programs, ["--list"], archive)
    found: dict[tuple[int, int], Entry] = {}
    for position, match in enumerate(_ENTRY.finditer(listed)):
        found.setdefault((int(match[2]), int(match[3])), Entry(match[0], position))
    return found


def read_statements(programs: Programs, archive: BinaryIO, entry: Entry) -> str:
    """Return the statements of an entry, its owner's among them.

    Raises:
        Refusal: pg_restore cannot read it, or writes it in a form that is not known.
    """
    with TemporaryFile() as chosen:
        chosen.write(f"{entry.line}\n".encode())
        chosen.flush()
        number = chosen.fileno()
        options = [f"--use-list=/dev/fd/{number}", "--file=-"]
        told = _told(programs, options, archive, passed=(number,))
    begins, ends = _BEGINS.search(told), told.rfind(_ENDS)
    if begins is None or ends < begins.end():
        raise Refusal(f"{programs.restore} writes definitions in a form that reingest does not know")
    return told[begins.end() : ends].strip()


def _told(programs: Programs, options: list[str], archive: BinaryIO, passed: tuple[int, ...] = ()) -> str:
    archive.seek(0)
    with TemporaryFile() as out:
        arguments = ["--format=custom", *options]
        run_program(programs.restore, arguments, _LONGEST_S, stdin=archive, stdout=out, passed=passed)
        out.seek(0)
        return out.read().decode()
