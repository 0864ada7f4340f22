"""A host in the wrong hands: whatever module is sent to it, it answers what it likes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
# It stands where the controller expects a Python: it reads which module it is to run, and makes up an answer.
_INTERPRETER = """#!{python}
import json, pathlib, re, sys
home = pathlib.Path({home!r})
source = pathlib.Path(sys.argv[1]).read_text() if len(sys.argv) > 1 else sys.stdin.read()
named = re.findall(r"dataportal[./]reingest[./]plugins[./]modules[./](\\w+)", source)
name = named[0] if named else "async_status" if "async_status" in source else "async_wrapper"
with (home / "asked").open("a") as asked:
    asked.write(name + "\\n")
answer = home / (name + ".json")
print(answer.read_text() if answer.exists() else json.dumps({{"changed": False}}))
"""


@dataclass(frozen=True)
class Host:
    """The host ``evil``, with what it answers, and playbooks upon it run by a real controller."""

    home: Path

    def answers(self, module, **values):
        (self.home / f"{module}.json").write_text(json.dumps(values))

    def asked(self):
        return (self.home / "asked").read_text().split() if (self.home / "asked").exists() else []

    def play(self, *tasks, arguments=(), **environment):
        """Run tasks on it, and then one on every host of the inventory; return exit code and output."""
        plays = [{"hosts": "evil", "gather_facts": False, "tasks": list(tasks)}]
        told = "hosts={{ groups['all'] | sort | join(',') }} mine={{ mine }}"
        after = {"ansible.builtin.debug": {"msg": told}, "delegate_to": "localhost"}
        plays.append({"hosts": "all", "gather_facts": False, "tasks": [after]})
        playbook = self.home / "play.json"
        playbook.write_text(json.dumps(plays))
        done = subprocess.run(
            [
                f"{ROOT}/.venv/bin/ansible-playbook",
                "-i",
                str(self.home / "hosts.yml"),
                str(playbook),
                *arguments,
            ],
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_ASYNC_DIR": str(self.home / "jobs"), **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def evil(tmp_path):
    interpreter = tmp_path / "python"
    interpreter.write_text(_INTERPRETER.format(python=sys.executable, home=str(tmp_path)))
    interpreter.chmod(0o755)
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": str(interpreter),
        "mine": "kept",
    }
    hosts = {"all": {"hosts": {"evil": variables}}}
    (tmp_path / "hosts.yml").write_text(json.dumps(hosts))
    return Host(tmp_path)
