"""A verb of the volume: which module, and what it is asked for."""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from ansible.module_utils.testing import patch_module_args

from plugins.module_utils.reingest.volume.kind import kind_of
from plugins.module_utils.reingest.volume.layout import Volume

BEGIN = "run_begin"
OPERATOR = "0000-0002-1825-0097"
EXCLUSIVE = {
    "exclusive": True
}  # whatever containers come and go on the machine meanwhile: these volumes are ours


def records_of(volume):
    """Return the host's folder of a volume, for the window: beside it, so that its path begins like it."""
    return Path(f"{volume}.services")


@dataclass(frozen=True)
class Answer:
    """What a module answered; ``result`` is None where it died, or ended in a traceback."""

    code: int
    result: dict | None
    text: str = ""

    @property
    def refused(self):
        """Its message, where it refused."""
        return self.result["msg"] if self.result is not None and self.result.get("failed") else ""

    @property
    def succeeded(self):
        return self.code == 0 and self.result is not None and not self.result.get("failed")


@dataclass(frozen=True)
class Verb:
    """A module with its parameters; the volume is filled in when it runs."""

    module: str
    run: str
    params: dict = field(default_factory=dict)

    def arguments(self, volume):
        host = {"volume": str(volume), "records": str(records_of(volume)), "engine": "process"}
        if self.module == BEGIN:  # the tests' volumes may lie in memory
            host["accepted"] = kind_of(Volume(Path(volume))).name
        return {**host, "run": self.run, "operator": OPERATOR, **self.params}

    def call(self, volume):
        """Run its real ``main`` in a child of this process, and return its answer."""
        with tempfile.TemporaryFile() as out:
            child = self.start(volume, out)
            return ended(child, out)

    def start(self, volume, out, begin=lambda: None):
        """Fork a child that runs the module's real ``main``, as under Ansible; return its process id.

        Everything is imported before the fork, so that it begins at once.

        Args:
            volume: the volume's path.
            out: an open file for what it prints.
            begin: called in the child just before.
        """
        importlib.import_module(f"plugins.modules.{self.module}")
        child = os.fork()
        if child == 0:
            _become(self, volume, out, begin)
        return child


def _become(verb, volume, out, begin):
    code = 3
    try:
        os.dup2(out.fileno(), 1)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - a test may have replaced it
        begin()
        with patch_module_args(verb.arguments(volume)):
            sys.modules[f"plugins.modules.{verb.module}"].main()
    except SystemExit as end:
        code = end.code or 0
    except BaseException:  # noqa: BLE001 - a child must not go on as its parent
        os.write(1, traceback.format_exc().encode())
    finally:
        sys.stdout.flush()
        os._exit(code)


def ended(child, out):
    """Wait for a child and return its answer."""
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    out.seek(0)
    return answer(code, out.read().decode(errors="replace"))


def answer(code, text):
    """Return the answer in what a module printed."""
    for line in reversed(text.splitlines()):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            return Answer(code, found, text)
    return Answer(code, None, text)


def claim(run, *, take_over=""):
    return Verb(BEGIN, run, {"take_over": take_over, "operators": [OPERATOR], **EXCLUSIVE})


def release(run):
    return Verb("run_lock", run, {"state": "released"})


def promote(run, snapshot="", **params):
    # An undo may have marked it as bad.
    given = {"snapshot": snapshot, "kind": "ingest", "force": True, **EXCLUSIVE, **params}
    return Verb("snapshot_promote", run, given)


def recover(run, **params):
    """Recover the host of the volume; no service is told of: the volume alone is tried."""
    return Verb("switch_window", run, {"state": "recovered", **EXCLUSIVE, **params})


def close(run):
    return Verb("switch_window", run, {"state": "closed"})


def prune(run, keep=1):
    return Verb("snapshot_prune", run, {"keep": keep, **EXCLUSIVE})
