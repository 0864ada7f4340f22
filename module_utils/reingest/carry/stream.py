"""Rows on their way: out of one server, into a file on the volume and into the other server at the same time.

COPY writes each row by itself; a pipe gathers them in C, so that Python sees blocks. Memory stays the same
for any number of rows.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from io import BufferedWriter, FileIO
from pathlib import Path
from typing import BinaryIO

from psycopg2 import sql

from ..errors import Refusal
from ..fs.durable import PRIVATE
from ..fs.no_follow import check_file, open_file
from ..postgres.dsn import Composed, Connection
from .unit import Unit

BLOCK = 1 << 18


def copy_out(unit: Unit) -> sql.Composable:
    """Return the statement that gives the rows of a unit."""
    return sql.SQL("COPY (SELECT {columns} FROM {only} {relation} AS c) TO STDOUT {how}").format(
        columns=sql.SQL(", ").join(sql.Identifier("c", name) for name in unit.columns),
        only=sql.SQL("" if unit.from_partitions else "ONLY"),
        relation=sql.Identifier(*unit.source),
        how=_how(unit),
    )


def copy_in(unit: Unit) -> sql.Composable:
    """Return the statement that takes them."""
    return sql.SQL("COPY {relation} ({columns}) FROM STDIN {how}").format(
        relation=sql.Identifier(*unit.target),
        columns=sql.SQL(", ").join(map(sql.Identifier, unit.columns)),
        how=_how(unit),
    )


def _how(unit: Unit) -> sql.Composable:
    return sql.SQL("(FORMAT binary)" if unit.binary else "(FORMAT text)")


class Taken:
    """What COPY FROM reads: the rows of a running COPY TO, each block written to a file on its way."""

    def __init__(self, pipe: int, copy: BinaryIO, taking: Future[None]) -> None:
        self._pipe, self._copy, self._taking = pipe, copy, taking

    def read(self, size: int = BLOCK) -> bytes:
        """Return the next block; empty at the end.

        Raises:
            psycopg2.Error: the rows ended because the other server failed: they must not pass for all of
                them.
            OSError: the file cannot be written (``new_file`` says which).
        """
        block = os.read(self._pipe, size)
        if not block:
            self._taking.result()
        self._copy.write(block)
        return block


@contextmanager
def taken(connection: Connection, copy: Composed, file: Path) -> Iterator[Taken]:
    """Take what a COPY TO gives; what reads it to the end has it also in a new file, on disk.

    Args:
        connection: a pinned session in the transaction that sees the rows.
        copy: the statement.
        file: a path in a folder of this account, where nothing lies.
    """
    reading, writing = os.pipe()
    try:
        with new_file(file) as out, ThreadPoolExecutor(1) as pool:
            try:
                yield Taken(reading, out, pool.submit(_take, connection, copy, writing))
            finally:
                os.close(reading)  # before the pool waits: whoever still writes learns that nobody reads
                reading = -1
    finally:
        if reading >= 0:
            os.close(reading)


def keep(connection: Connection, copy: Composed, file: Path) -> None:
    """Take what a COPY TO gives into a new file, on disk."""
    with new_file(file) as out, connection.cursor() as cursor:
        cursor.copy_expert(copy.as_string(cursor), out)


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Make a file for this account alone, and have it on disk at the end.

    Raises:
        Refusal: it cannot be written, such as on a full disk.
    """
    try:
        handle = open_file(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
        with os.fdopen(handle, "wb", BLOCK) as out:
            yield out
            out.flush()
            os.fsync(handle)
    except OSError as error:
        raise Refusal(f"{path}: users' rows cannot be written there ({error.strerror}): make room") from error


@contextmanager
def kept(path: Path) -> Iterator[BinaryIO]:
    """Open a file that was kept."""
    handle = open_file(path, os.O_RDONLY)
    with os.fdopen(handle, "rb", BLOCK) as file:
        check_file(path, os.fstat(handle), own=True)
        yield file


def _take(connection: Connection, copy: Composed, pipe: int) -> None:
    with BufferedWriter(FileIO(pipe, "w"), BLOCK) as out, connection.cursor() as cursor:
        cursor.copy_expert(copy.as_string(cursor), out)
