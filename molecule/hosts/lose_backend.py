"""Make an ingest and make the backend host unreachable inside the window; give it back afterwards.

Prints the run's output and its exit code. Runs in the repository's root.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

BACKEND, DB = "reingest-hosts-backend", "reingest-hosts-db"
RESET = ("--protocol", "tcp", "--dport", "22", "--jump", "REJECT", "--reject-with", "tcp-reset")


def inside(host: str, *command: str) -> str:
    """Run a command in a host and return what it prints."""
    done = subprocess.run(["docker", "exec", host, *command], check=False, capture_output=True, text=True)
    return done.stdout.strip()


def main() -> None:
    """Start the run, wait for the window, reset every SSH connection to the backend until the run ends."""
    arguments = ["-e", "reingest_force=true", "-e", "reingest_sources=/srv/portal/data/r2_2021-02-01"]
    run = subprocess.Popen(
        ["ansible-playbook", "-i", "molecule/hosts/inventory", "ingest.yml", *arguments],
        env={**os.environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    while (
        run.poll() is None
        and inside(DB, "docker", "inspect", "--format", "{{.State.Running}}", "db") != "false"
    ):
        time.sleep(0.02)
    inside(BACKEND, "iptables", "--insert", "INPUT", *RESET)
    output, _ = run.communicate()
    inside(BACKEND, "iptables", "--delete", "INPUT", *RESET)
    print(output)
    print(f"exit code {run.returncode}")
    sys.exit(0 if "PLAY RECAP" in output else 1)


if __name__ == "__main__":
    main()
