"""A verb of the volume: which module, and what it is asked for."""

from __future__ import annotations

import importlib
import json
import os
import tempfile
from dataclasses import dataclass, field

from crash import verb

OPERATOR = "0000-0002-1825-0097"


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
        return {"volume": str(volume), "run": self.run, "operator": OPERATOR, **self.params}

    def call(self, volume):
        """Run it in a child of this process, where everything is imported already."""
        importlib.import_module(self.module)
        with tempfile.TemporaryFile() as out:
            child = os.fork()
            if child == 0:
                self._become(volume, out)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            out.seek(0)
            return answer(code, out.read().decode())

    def _become(self, volume, out):
        code = 3
        try:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
            verb.run(self.module, self.arguments(volume))
        except SystemExit as end:
            code = end.code or 0
        except BaseException as error:  # noqa: BLE001 - a child must not go on as its parent
            os.write(2, repr(error).encode())
        finally:
            # What print() left: the object may be a test's own, which is not file 1.
            import sys

            sys.stdout.flush()
            os._exit(code)


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
    return Verb("run_lock", run, {"take_over": take_over, "operators": [OPERATOR]})


def release(run):
    return Verb("run_lock", run, {"state": "released"})


def promote(run, snapshot="", **params):
    return Verb("snapshot_promote", run, {"snapshot": snapshot, "kind": "ingest", **params})


def recover(run, **params):
    return Verb("snapshot_promote", run, {"state": "recovered", **params})


def prune(run, keep=1):
    return Verb("snapshot_prune", run, {"keep": keep})
