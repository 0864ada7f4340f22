"""Real containers for the tests; the fixtures that make them are in ``conftest.py``."""

from __future__ import annotations

import fcntl
import subprocess
import tempfile
from pathlib import Path

from waiting import wait_for

ROOT = Path(__file__).parents[2]
BASE = "debian:bookworm-slim"
POSTGRES = "reingest-demo-postgres"
PASSWORD = "only-for-tests"


def docker(*arguments, check=True):
    """Run a docker command and return what it printed."""
    return subprocess.run(["docker", *arguments], check=check, capture_output=True, text=True).stdout.strip()


def need_image(tag, made_with):
    """Build an image that is not there; one process at a time, or two would make the base of both."""
    lock = Path(tempfile.gettempdir()) / "reingest-test-images.lock"
    with lock.open("w") as waiting:
        fcntl.flock(waiting, fcntl.LOCK_EX)
        if not docker("images", "-q", tag):
            subprocess.run([ROOT / "demo/images/build", made_with], check=True)


def running(name):
    return docker("inspect", "-f", "{{.State.Running}}", name) == "true"


def wait_for_log(name, text):
    wait_for(lambda: text in docker("logs", name), f"{name} wrote {text!r}", seconds=20)


def wait_for_loop(name, times=4):
    """Wait until Docker has started a container again some times and now waits before the next."""
    state = ("inspect", "-f", "{{.State.Restarting}} {{.RestartCount}}", name)
    wait_for(lambda: docker(*state) == f"true {times}", f"{name} ended again and again")
