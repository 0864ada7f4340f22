"""One real load in a process of its own, with a limit of memory and of time, and how it ended."""

from __future__ import annotations

import json
import os
import pickle
import resource
import select
import shutil
import signal
import time
import traceback
from dataclasses import dataclass, field
from urllib.parse import quote

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.load.apply import apply_load
from plugins.module_utils.reingest.load.plan import plan_load
from plugins.module_utils.reingest.load.request import LoadRequest, Servers

MOST_SECONDS = 300  # a load takes less than one, that of 3 GB half a minute on a machine of its own
MOST_BYTES = 3 << 30  # of address space; pyarrow alone takes one
DATABASE = "portal"


@dataclass(frozen=True)
class End:
    """How a load ended: ``counts`` by table where it came to its end, else what it was refused with.

    ``crash`` is a traceback, or what ended the process; no load may end so. ``planned`` says that a refusal
    came before anything was changed. ``rejects`` are lines of the sources by table.
    """

    counts: dict = field(default_factory=dict)
    rejects: dict = field(default_factory=dict)
    refusal: str = ""
    planned: bool = False
    crash: str = ""
    seconds: float = 0.0


def load(place, files, schema, dataset, *, processes=1, prove="content"):
    """Write the files, load them, and return the ``End``."""
    folder = place.folder / "portal"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "work/run-1").mkdir(parents=True)
    (folder / "schema.sql").write_text(schema)
    text = dataset if isinstance(dataset, str) else json.dumps(dataset)
    (folder / "dataset.yml").write_text(text)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return _in_a_process(lambda: _loaded(place, folder, processes, prove))


def _loaded(place, folder, processes, prove):
    began, planned = time.monotonic(), True
    rejects = folder / "work/run-1/rejects"
    try:
        servers = Servers(place.dsn(), production_required=False)
        plan = plan_load(LoadRequest(folder / "dataset.yml", servers, force=True), prove=prove)
        planned = False
        done = apply_load(
            plan,
            staging_dsn=place.dsn(),
            run="run-1",
            operator="0000-0002-1825-0097",
            processes=processes,
            rejects=rejects,
            prove=prove,
        )
    except Refusal as refusal:
        return End(refusal=str(refusal), planned=planned, seconds=time.monotonic() - began)
    except BaseException:  # noqa: BLE001 - it is what is looked for
        return End(crash=traceback.format_exc(), planned=planned, seconds=time.monotonic() - began)
    found = {}
    for name in done.tables:
        path = rejects / f"{quote(name, safe='')}.jsonl"
        found[name] = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    counts = {name: vars(count) for name, count in done.tables.items()}
    return End(counts, found, seconds=time.monotonic() - began)


def _in_a_process(call):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            os.setpgid(0, 0)
            resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
            with os.fdopen(writer, "wb") as stream:
                pickle.dump(call(), stream)
        finally:
            os._exit(0)
    os.close(writer)
    received, ends = bytearray(), time.monotonic() + MOST_SECONDS
    try:
        while (left := ends - time.monotonic()) > 0:
            if not select.select([reader], [], [], left)[0]:
                break
            block = os.read(reader, 1 << 16)
            if not block:
                status = os.waitpid(child, 0)[1]
                if received:
                    return pickle.loads(bytes(received))
                return End(crash=f"the process ended with status {status}")
            received.extend(block)
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return End(crash=f"no end within {MOST_SECONDS} s")
    finally:
        os.close(reader)
