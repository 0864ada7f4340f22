"""What goes wrong around a load is said plainly, and the next load is clean."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from clusters import unprivileged
from integration.ingest.killed import filled
from integration.ingest.portal_dataset import BOOKS
from tiers import full
from waiting import wait_for

ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.load import apply
from plugins.module_utils.reingest.load import plan
from plugins.module_utils.reingest.load.request import LoadRequest, Servers
servers = Servers(sys.argv[3], production_required=False)
planned = plan.plan_load(LoadRequest(Path(sys.argv[2]), servers, force=True))
print("planned", flush=True)
sys.stdin.readline()
try:
    apply.apply_load(planned, staging_dsn=sys.argv[3], run="r", operator="0000-0002-1825-0097", processes=2)
except Refusal as refusal:
    print(refusal)
"""


@pytest.fixture
def fed(portal, staging):
    """Start a load that reads its books from a pipe; returns the process and the pipe, midway."""
    source = portal.sources / "book.jsonl"
    source.write_text("")
    portal.change("from: book.jsonl.gz", "from: book.jsonl")
    command = [sys.executable, "-c", PROGRAM, str(ROOT), str(portal.dataset), staging.dsn()]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "planned\n"
    source.unlink()
    os.mkfifo(source)
    process.stdin.write("go on\n")
    process.stdin.flush()
    with source.open("w") as stream:  # opens when the load reads it
        stream.write(json.dumps(BOOKS[0]) + "\n")
        stream.flush()
        # With the other table complete, what happens next happens to this one.
        wait_for(lambda: filled(staging) == {"author"}, "author filled")
        yield process, stream
    process.stdin.close()
    process.stdout.close()
    process.wait()


def test_a_server_that_is_killed_ends_the_load_with_a_refusal_and_the_next_one_loads(
    fed, portal, load, staging
):
    process, stream = fed
    staging.stop("immediate")
    stream.write(json.dumps(BOOKS[1]) + "\n")
    stream.close()
    message = process.stdout.read()
    staging.start()
    assert message.startswith("table "), message
    assert "look at the staging server and its log" in message
    portal.change("from: book.jsonl", "from: book.jsonl.gz")
    assert load().get("changed")


def test_a_source_that_is_another_one_after_it_was_read_is_refused(fed):
    process, stream = fed
    stream.write(json.dumps(BOOKS[1]) + "\n")
    stream.close()
    assert "book.jsonl was changed while it was read: run again" in process.stdout.read()


@pytest.fixture
def small_disk(server_factory):
    """Return a server whose tables are on a disk of 48 MB."""
    server = server_factory()
    server.stop()
    tables, aside = server.data / "base", server.data / "base.aside"
    tables.rename(aside)
    tables.mkdir()
    options = f"size=48m,mode=700,uid={unprivileged().pw_uid},gid={unprivileged().pw_gid}"
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", tables]
    if os.geteuid() != 0 or subprocess.run(mount, stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("NOT RUN: who may not mount has no disk that can be filled")
    try:
        subprocess.run(["cp", "-a", f"{aside}/.", tables], check=True)
        server.start()
        yield server
        server.stop("immediate")
    finally:
        subprocess.run(["umount", tables], check=True)
        shutil.rmtree(aside)


@full
def test_a_disk_that_is_full_ends_the_load_with_a_refusal_and_the_next_one_loads(portal, load, small_disk):
    portal.books(
        {**BOOKS[0], "id": number, "title": f"Book {number}", "more": "x" * 1500} for number in range(40_000)
    )
    result = load(staging_dsn=small_disk.dsn())
    assert "table book: " in result["msg"]
    assert "No space left on device" in result["msg"]
    portal.books(BOOKS)
    assert load(staging_dsn=small_disk.dsn()).get("changed")
