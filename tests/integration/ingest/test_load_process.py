"""The load as a process: killed in the middle, fed with large sources, and started by Ansible."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from integration.ingest.portal_dataset import BOOKS

ROOT = Path(__file__).parents[3]
PROGRAM = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from plugins.module_utils.reingest.load import apply
from plugins.module_utils.reingest.load import plan
from plugins.module_utils.reingest.load.request import LoadRequest, Servers
servers = Servers(sys.argv[3], production_required=False)
planned = plan.plan_load(LoadRequest(Path(sys.argv[2]), servers, force=True))
print("planned", flush=True)
sys.stdin.readline()
apply.apply_load(planned, staging_dsn=sys.argv[3], run="r", operator="0000-0002-1825-0097", processes=2)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def start(portal, staging):
    """Plan a load in a process of its own, and return it; it waits for a line before it goes on."""
    command = [sys.executable, "-c", PROGRAM, str(ROOT), str(portal.dataset), staging.dsn()]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "planned\n"
    return process


def test_a_load_that_is_killed_ends_at_once_and_the_next_run_cleans_it(portal, load, staging):
    source = portal.sources / "book.jsonl"
    source.write_text("")
    portal.change("from: book.jsonl.gz", "from: book.jsonl")
    with start(portal, staging) as process:
        source.unlink()
        os.mkfifo(source)
        process.stdin.write("go on\n")
        process.stdin.flush()
        with source.open("w") as stream:  # opens when the load reads it: it is in the middle now
            stream.write(json.dumps(BOOKS[0]) + "\n")
            stream.flush()
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert staging.rows("SELECT finished FROM reingest.load", "library") == [(None,)]
            portal.change("from: book.jsonl", "from: book.jsonl.gz")
            result = load()  # the pipe is still open: nothing of the killed load may wait for it
    assert result["changed"], result.get("msg")
    assert staging.rows("SELECT count(*) FROM book", "library") == [(2,)]


def test_memory_does_not_grow_with_the_source(portal, staging):
    portal.authors("id,name,born,favourite\na1,Ada,,t1\n")
    peaks = []
    for rows in (10_000, 80_000):
        with gzip.open(portal.sources / "book.jsonl.gz", "wt", compresslevel=1) as stream:
            for number in range(1, rows + 1):
                book = {"id": number, "author": {"id": "a1"}, "title": f"t{number}", "pages": 1, "tags": []}
                stream.write(json.dumps({**book, "summary": "y" * 200}) + "\n")
        with start(portal, staging) as process:
            peaks.append(int(process.communicate("go on\n")[0]))  # of the children, as the kernel has it
        assert staging.rows("SELECT count(*) FROM book", "library") == [(rows,)]
    assert peaks[1] < peaks[0] * 1.1


def test_the_module_runs_as_ansible_runs_it(portal, staging):
    arguments = {"dataset": str(portal.dataset), "staging_dsn": staging.dsn(), "first": True}
    given = json.dumps({**arguments, "run": "run-1", "operator": "0000-0002-1825-0097"})
    ansible = [Path(sys.executable).with_name("ansible"), "localhost", "-i", "localhost,", "-c", "local"]
    done = subprocess.run(
        [
            *ansible,
            "-e",
            f"ansible_python_interpreter={sys.executable}",
            "-m",
            "dataportal.reingest.ingest_load",
            "-a",
            given,
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "CHANGED" in done.stdout
    assert "only-for-tests" not in done.stdout + done.stderr
    assert staging.rows("SELECT count(*) FROM book", "library") == [(2,)]
