"""Real containers for the tests; the fixtures that make them are in ``conftest.py``."""

from __future__ import annotations

import subprocess
import time

BASE = "debian:bookworm-slim"
POSTGRES = "reingest-demo-postgres"
PASSWORD = "only-for-tests"


def docker(*arguments, check=True):
    """Run a docker command and return what it printed."""
    return subprocess.run(["docker", *arguments], check=check, capture_output=True, text=True).stdout.strip()


def running(name):
    return docker("inspect", "-f", "{{.State.Running}}", name) == "true"


def wait_for_log(name, text):
    deadline = time.monotonic() + 20
    while text not in docker("logs", name):
        assert time.monotonic() < deadline, f"{name} never wrote {text!r}"
        time.sleep(0.02)


def wait_for_loop(name, times=4):
    """Wait until Docker has started a container again some times and now waits before the next."""
    deadline = time.monotonic() + 60
    while docker("inspect", "-f", "{{.State.Restarting}} {{.RestartCount}}", name) != f"true {times}":
        assert time.monotonic() < deadline, f"{name} does not end again and again"
        time.sleep(0.02)
