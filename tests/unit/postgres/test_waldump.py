"""What pg_waldump prints is believed where its records hang together, to the shutdown's checkpoint."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from clusters import unprivileged

from plugins.module_utils.reingest.postgres import waldump
from plugins.module_utils.reingest.postgres.control import Control
from plugins.module_utils.reingest.postgres.waldump import Unread, WalRecord, read_wal

CONTROL = Control("7", 1300, 1, "shut down", "0/300", 1, True, "replica", 800)
LINE = "rmgr: {:<11} len (rec/tot):     59/    59, tx:  {:>8}, lsn: 0/{}, prev 0/{}, desc: {}\n"
FIRST = LINE.format("Heap", 739, "00000120", "000000F0", "INSERT off: 1")
SECOND = LINE.format("Transaction", 739, "00000200", "00000120", "COMMIT 2026-11-29 15:00:00 UTC")
LAST = LINE.format("XLOG", 0, "00000300", "00000200", "CHECKPOINT_SHUTDOWN redo 0/300")


@pytest.fixture
def place():
    """Return a folder that the account of a server reaches, and its data directory in it."""
    root = Path(tempfile.mkdtemp(prefix="reingest-waldump-", dir="/var/tmp"))
    root.chmod(0o755)
    (root / "data").mkdir(mode=0o700)
    os.chown(root / "data", unprivileged().pw_uid, unprivileged().pw_gid)
    yield root
    shutil.rmtree(root)


@pytest.fixture
def read(place, monkeypatch):
    """Return ``read(text, then)``: what is read from a pg_waldump that prints a text, then runs a command."""

    def run(text, then="exit 1"):
        (place / "text").write_text(text)
        program = place / "pg_waldump"
        told = 'case "$1" in --version) echo "pg_waldump (PostgreSQL) 77.1"; exit;; esac'
        program.write_text(f"#!/bin/sh\n{told}\ncat {place}/text\n{then}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{place}:/usr/bin:/bin")
        return list(read_wal(place / "data", 77, "0/100", CONTROL))

    return run


def test_records_are_read_to_the_checkpoint_of_the_shutdown(read):
    """Behind it there is none, which pg_waldump calls an error."""
    assert read(FIRST + SECOND + LAST) == [
        WalRecord("Heap", 739, "INSERT off: 1"),
        WalRecord("Transaction", 739, "COMMIT 2026-11-29 15:00:00 UTC"),
        WalRecord("XLOG", 0, "CHECKPOINT_SHUTDOWN redo 0/300"),
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "cannot be read from 0/100 to 0/300"),
        (FIRST + SECOND, "cannot be read from 0/100 to 0/300"),
        (SECOND + LAST, "does not hang together at 0/00000200"),
        (FIRST + LAST, "does not hang together at 0/00000300"),
        (FIRST + SECOND + LAST.replace("300, prev", "310, prev"), "cannot be read from 0/100 to 0/300"),
        (FIRST + SECOND + LAST.replace("SHUTDOWN", "ONLINE"), "cannot be read from 0/100 to 0/300"),
        (FIRST + "hello\n" + SECOND + LAST, "a line that is no record"),
        ((FIRST + SECOND + LAST)[:-1], "in the middle of a line"),
    ],
)
def test_where_a_part_is_missing_nothing_is_believed(read, text, why):
    with pytest.raises(Unread, match=why):
        read(text)


@pytest.mark.attack
@pytest.mark.parametrize(("lsn", "prev"), [("120", "120"), ("128", "120"), ("120", "0F0"), ("300", "120")])
def test_a_line_that_was_smuggled_in_is_found(read, lsn, prev):
    smuggled = LINE.format("Heap", 740, f"00000{lsn}", f"00000{prev}", "DELETE off: 2")
    with pytest.raises(Unread, match="does not hang together"):
        read(FIRST + smuggled + SECOND + LAST)


@pytest.mark.attack
def test_a_program_that_leaves_its_output_open_is_not_waited_for(read, monkeypatch):
    monkeypatch.setattr(waldump, "MOST_S", 0.5)
    with pytest.raises(Unread, match="takes more than"):
        read(FIRST, "sleep 3 & wait")


@pytest.mark.attack
def test_a_log_without_end_is_not_read_to_it(read, monkeypatch):
    monkeypatch.setattr(waldump, "MOST_BYTES", 1 << 20)
    with pytest.raises(Unread, match="too long"):
        read("", "cat /dev/zero")


@pytest.mark.attack
def test_it_runs_as_the_account_of_the_server_and_knows_nothing_of_ours(read, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "only-for-tests")
    text = LINE.format("XLOG", 0, "00000300", "000000F0", "CHECKPOINT_SHUTDOWN")[:-1]
    (record,) = read(text, 'echo " $(id -u) ${PGPASSWORD-none} $(id -G)"')
    _, account, password, *groups = record.what.split()
    owner = unprivileged()
    assert (account, password) == (str(owner.pw_uid), "none")
    assert os.geteuid() != 0 or groups == [str(owner.pw_gid)]


@pytest.mark.attack
@pytest.mark.skipif(os.geteuid() != 0, reason="NOT RUN: only root runs it as another account")
def test_as_root_it_is_not_run(read, place):
    os.chown(place / "data", 0, 0)
    with pytest.raises(Unread, match="belongs to root"):
        read(FIRST)


def test_without_the_program_of_that_major_nothing_is_read(place):
    with pytest.raises(Unread, match="this host has no pg_waldump of PostgreSQL 77"):
        list(read_wal(place / "data", 77, "0/100", CONTROL))
