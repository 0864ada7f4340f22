"""Read the WAL of a server that was shut down, by its own major's ``pg_waldump``.

The WAL may have been written by a hostile account, and so may what ``pg_waldump`` prints of it: a logical
message has a text of its writer's choice in it, line ends included. So the program runs as the account that
owns the data directory, and each line must follow the one before: its place is behind that one's, and names
it. A line that was smuggled in breaks this chain.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..fs.no_follow import folder
from .control import Control, lsn_number
from .programs import find_program

MOST_S = 20.0  # the portal is away meanwhile
MOST_BYTES = 128 << 20
_BLOCK = 1 << 16
_LONGEST = 1 << 20  # bytes of a line
_LINE = re.compile(
    r"rmgr: (\S+)\s+len \(rec/tot\):\s*\d+/\s*\d+, tx:\s*(\d+), "
    r"lsn: ([0-9A-F]{1,8}/[0-9A-F]{1,8}), prev ([0-9A-F]{1,8}/[0-9A-F]{1,8}), desc: (.*)"
)
_END = "CHECKPOINT_SHUTDOWN"


class Unread(Exception):  # noqa: N818 - it says what the WAL is
    """The WAL cannot be read to its end; the text says why, as a sentence goes on."""


@dataclass(frozen=True)
class WalRecord:
    """One record: of which resource manager and transaction, and what it did."""

    manager: str
    xid: int
    what: str


def read_wal(data: Path, major: int, start: str, control: Control) -> Iterator[WalRecord]:
    """Yield the records from a place up to the checkpoint of the shutdown; judge only when all were yielded.

    Args:
        data: the data directory of a server that was shut down in order.
        major: its major version.
        start: where to begin, an LSN.
        control: what its ``pg_control`` says.

    Raises:
        Unread: a part of it is missing, or nothing can read it here.
    """
    program = find_program("pg_waldump", major)
    if program is None:
        raise Unread(f"this host has no pg_waldump of PostgreSQL {major}")
    begin, last, ended = lsn_number(start), -1, False
    with _running(program, data, start, control.timeline) as process:
        for line in _lines(process):
            found = _LINE.fullmatch(line)
            if found is None:
                raise Unread("pg_waldump printed a line that is no record")
            manager, xid, lsn, before, what = found.groups()
            here, previous = lsn_number(lsn), lsn_number(before)
            follows = previous < begin <= here if last < 0 else previous == last < here
            if not follows:
                raise Unread(f"its log does not hang together at {lsn}")
            last, ended = here, manager == "XLOG" and what.startswith(_END)
            yield WalRecord(manager, int(xid), what)
    if not ended or last != lsn_number(control.checkpoint_lsn):
        raise Unread(f"its log cannot be read from {start} to {control.checkpoint_lsn}")


@contextmanager
def _running(program: Path, data: Path, start: str, timeline: int) -> Iterator[subprocess.Popen[bytes]]:
    with folder(data) as handle:
        owner = os.fstat(handle)
        account: dict[str, Any] = {}
        if os.geteuid() == 0:
            if owner.st_uid == 0:
                raise Unread("its data directory belongs to root, as whom nothing reads it")
            account = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
        # By the open directory: that account need not be able to walk to it.
        place = [f"--path=/proc/self/fd/{handle}/pg_wal", f"--timeline={timeline}", f"--start={start}"]
        try:
            process = subprocess.Popen(  # noqa: S603 - a program of this host
                [program, *place],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={"LC_ALL": "C", "PATH": os.defpath},
                pass_fds=(handle,),
                **account,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise Unread(f"{program} cannot be run ({error})") from None
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        if process.stdout is not None:
            process.stdout.close()
        process.wait()


def _lines(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """Yield what it prints; that its process is killed does not end who else has its output open."""
    assert process.stdout is not None  # noqa: S101 - a pipe, as it was started
    until, left, rest = time.monotonic() + MOST_S, MOST_BYTES, b""
    while True:
        ready, _, _ = select.select([process.stdout], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            raise Unread(f"its log takes more than {MOST_S:.0f} s to read")
        block = os.read(process.stdout.fileno(), _BLOCK)
        left -= len(block)
        if not block:
            break
        *lines, rest = (rest + block).split(b"\n")
        if left < 0 or len(rest) > _LONGEST:
            raise Unread("its log is too long to be read in a window")
        for line in lines:
            yield line.decode("ascii", "replace")
    if rest:
        raise Unread("pg_waldump was ended in the middle of a line")
