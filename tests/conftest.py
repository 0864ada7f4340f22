"""Run modules as Ansible does."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import tempfile
from pathlib import Path

import hypothesis
import pytest
from ansible.module_utils.testing import patch_module_args

# The time of a generated example is no property of the code; the same examples every time can be repeated.
hypothesis.settings.register_profile("reingest", deadline=None, derandomize=True)
hypothesis.settings.load_profile("reingest")


TEMPLATE = "REINGEST_TEST_TEMPLATE"  # where the processes of a session share a deployment (deployment.py)
BUNDLES = "REINGEST_TEST_BUNDLES"  # and where its runs of Ansible share the bundles of modules
CALLBACKS = Path(__file__).parent / "integration/callbacks"


def pytest_configure(config):
    """Choose a place that all processes of the session have in common; they get it with the environment."""
    if not hasattr(config, "workerinput"):
        folder = tempfile.mkdtemp(prefix="reingest-template-", dir="/var/tmp")
        os.environ[TEMPLATE] = f"{folder}/deployment"
        os.environ[BUNDLES] = f"{folder}/bundles"
        os.environ["ANSIBLE_CALLBACK_PLUGINS"] = str(CALLBACKS)


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        shutil.rmtree(Path(os.environ.pop(TEMPLATE)).parent)


@pytest.fixture
def run_module(capsys, monkeypatch):
    """Run a module's real ``main`` and return its result (``failed`` and ``msg`` on a refusal)."""
    # Where a test of a plugin imported Ansible's controller before, warnings would be printed, not returned.
    monkeypatch.setattr("ansible.module_utils._internal.is_controller", False)

    def run(name, *, check=False, **params):
        module = importlib.import_module(f"plugins.modules.{name}")
        # On a host each module is a process of its own, which begins without warnings.
        monkeypatch.setattr("ansible.module_utils.common.warnings._global_warnings", {})
        umask = os.umask(0o022)
        try:
            with patch_module_args({**params, "_ansible_check_mode": check}), pytest.raises(SystemExit):
                module.main()
        finally:
            os.umask(umask)  # a module takes others their rights, and here it is no process of its own
        return json.loads(capsys.readouterr().out)

    return run
