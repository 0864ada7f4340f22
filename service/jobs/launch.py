"""How a playbook is started: a list of arguments, variables in a file, an environment that is made anew."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..settings import Settings

_WRAPPER = Path(__file__).with_name("wrapper.py")
_KEPT = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "SSH_AUTH_SOCK", "TMPDIR")
_CALLBACKS = "dataportal.reingest.operator_guard,dataportal.reingest.job_events"
_START_S = 30.0
_POLL_S = 0.005


def start(
    settings: Settings,
    folder: Path,
    playbook: str,
    variables: Mapping[str, Any],
    *,
    check: bool = False,
) -> None:
    """Start a playbook in a session of its own, and return when its wrapper owns the job.

    Args:
        settings: the service's.
        folder: the job's folder; made here.
        playbook: path in the repository.
        variables: what ``-e`` carries.
        check: a dry run.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    given = folder / "variables.json"
    _write(given, variables)
    argv = [str(settings.ansible_playbook), playbook, "-i", str(settings.inventory), "-e", f"@{given}"]
    if settings.vault_password_file is not None:
        argv += ["--vault-password-file", str(settings.vault_password_file)]
    if check:
        argv += ["--check", "--diff"]
    command = {
        "argv": argv,
        "cwd": str(settings.repository),
        "environment": environment_of(settings, {"REINGEST_JOB_FOLDER": str(folder)}),
    }
    _write(folder / "command.json", command)
    run_wrapper(folder)


def environment_of(settings: Settings, more: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of ansible-playbook: nothing of the service's own but the usual names."""
    return {
        **{name: os.environ[name] for name in _KEPT if name in os.environ},
        **settings.environment,
        "PYTHONUNBUFFERED": "1",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_CALLBACKS_ENABLED": _CALLBACKS,
        **more,
    }


def run_wrapper(folder: Path) -> None:
    """Start the wrapper of a folder that is ready; return when it has written its process, or is gone."""
    wrapper = subprocess.Popen(  # noqa: S603 - our own file
        [sys.executable, "-I", str(_WRAPPER), str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={"LC_ALL": "C.UTF-8"},
    )
    threading.Thread(target=wrapper.wait, daemon=True).start()  # no zombie is left
    deadline = time.monotonic() + _START_S
    while not (folder / "process.json").exists() and wrapper.poll() is None and time.monotonic() < deadline:
        time.sleep(_POLL_S)


def _write(path: Path, value: Mapping[str, Any]) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(value, file)
