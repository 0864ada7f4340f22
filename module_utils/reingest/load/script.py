"""SQL files that the loader runs: each in one transaction of the loader's own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2

from ..errors import Refusal
from ..postgres.dsn import Connection
from ..sources.place import text_of

# Where a semicolon or a keyword means nothing: comments, quoted texts and names, bodies of functions.
_OPAQUE = re.compile(
    r"--[^\n]*|/\*.*?\*/"
    r"|[eE]'(?:\\.|''|[^'\\])*'|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\""
    r"|(?P<tag>\$(?:[A-Za-z_]\w*)?\$).*?(?P=tag)",
    re.DOTALL,
)
# Classes of SQLSTATE that blame a row: data, integrity, check option, size of a value, a trigger's exception.
_OF_ROWS = ("22", "23", "44", "54", "P0")
# What today's pg_dump writes around a dump for psql, with another key each time.
_RESTRICT = re.compile(r"^\\(?:un)?restrict[ \t]+\w+[ \t]*$", re.MULTILINE | re.ASCII)
_MOST = 256  # MiB
_TRANSACTION = re.compile(
    r"(BEGIN|START|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE|PREPARE\s+TRANSACTION)\b", re.IGNORECASE
)
_ATOMIC_BODY = re.compile(r"\bBEGIN\s+ATOMIC\b", re.IGNORECASE)


def read_script(path: Path, what: str) -> str:
    """Return the text of an SQL file that can run inside one transaction.

    Raises:
        Refusal: the file is not there, or holds what only psql knows, or ends a transaction; with the line.
    """
    try:
        text = text_of(path, _MOST)
    except FileNotFoundError as error:
        raise Refusal(f"{what} {path} does not exist: correct the dataset, or put the file there") from error
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(f"{what} {path} cannot be read: {error}") from error
    text = _without_restrict(text)
    for line, statement in _statements(text):
        first = statement.split(None, 1)[0]
        if first.startswith("\\") or "\n\\" in statement:
            raise Refusal(f"{path}:{line}: a command of psql ({first}): the loader runs plain SQL; remove it")
        if _TRANSACTION.match(statement):
            raise Refusal(
                f"{path}:{line}: {first}: the loader runs the file in one transaction of its own; remove it"
            )
    return text


def _without_restrict(text: str) -> str:
    """Return the text with those lines empty, where they are no part of a statement or of a text in it."""
    opaque = [match.span() for match in _OPAQUE.finditer(text)]

    def empty(match: re.Match[str]) -> str:
        return match.group() if any(begin < match.start() < end for begin, end in opaque) else ""

    return _RESTRICT.sub(empty, text) if _RESTRICT.search(text) else text


def run_script(connection: Connection, path: Path, text: str, what: str) -> None:
    """Run the text of a file in the connection's transaction.

    Raises:
        Refusal: PostgreSQL refuses a statement; with the line, where PostgreSQL tells it.
    """
    if not any(True for _ in _statements(text)):
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute(text)
    except psycopg2.Error as error:
        position = error.diag.statement_position
        line = f":{text.count(chr(10), 0, int(position)) + 1}" if position else ""
        raise Refusal(f"{what} {path}{line}: {database_reason(error)}") from error


@contextmanager
def refused(what: str, where: str = "the staging server") -> Iterator[None]:
    """Turn an error of the server that nothing else explains (it is gone, its disk is full) into a refusal.

    Raises:
        Refusal: what PostgreSQL said of it.
    """
    try:
        yield
    except psycopg2.Error as error:
        raise Refusal(f"{what}: {database_reason(error)}; look at {where} and its log") from error


def database_reason(error: psycopg2.Error) -> str:
    """Return what PostgreSQL said, in one line."""
    parts = (error.diag.message_primary, error.diag.message_detail, error.diag.message_hint)
    said = "; ".join(part for part in parts if part)
    return said or " ".join(str(error).split()) or type(error).__name__


def blames_row(error: psycopg2.Error) -> bool:
    """Return whether the server's error is one of a row, not one of the server."""
    return (error.pgcode or "").startswith(_OF_ROWS)


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each statement, with the opaque parts blanked out."""
    blank = _OPAQUE.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)
    if _ATOMIC_BODY.search(blank):  # its statements end in semicolons, and its END is no transaction's
        blank = re.sub(
            r"\bBEGIN\s+ATOMIC\b.*?\bEND\b(?=\s*(?:;|$))",
            lambda match: re.sub(r"[^\n]", " ", match.group()),
            blank,
            flags=re.IGNORECASE | re.DOTALL,
        )
    at = 0
    for statement in blank.split(";"):
        stripped = statement.strip()
        if stripped:
            start = at + len(statement) - len(statement.lstrip())
            yield blank.count("\n", 0, start) + 1, stripped
        at += len(statement) + 1
