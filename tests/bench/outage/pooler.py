"""A PgBouncer of this machine between a stack's portal and its production, as docs/held.md wants it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from contextlib import suppress

from bench.outage.stack import Stack, run

PROGRAM = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
_PASSWORD = "only-for-the-console"
_SETTINGS = """\
[databases]
nmdc = host=127.0.0.1 port={database} dbname=nmdc
[pgbouncer]
listen_addr = 127.0.0.1,{gateway}
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users
admin_users = reingest
pool_mode = transaction
ignore_startup_parameters = extra_float_digits
server_login_retry = 1
logfile = {folder}/log
pidfile = {folder}/pid
"""


def there() -> bool:
    """Return whether this machine has a PgBouncer (Debian: pgbouncer)."""
    return os.access(PROGRAM, os.X_OK)


def up_behind(stack: Stack, port: int) -> list[str]:
    """Bring a stack up whose portal reaches production by a pooler; return what its runs are told of that."""
    run("docker", "network", "create", f"{stack.prefix}reingest-demo")
    form = "{{(index .IPAM.Config 0).Gateway}}"
    gateway = run("docker", "network", "inspect", "--format", form, f"{stack.prefix}reingest-demo")
    stack.up(REINGEST_DOCKER_POOLER=f"{gateway}:{port}")
    folder = stack.home / "pooler"
    folder.mkdir()
    password = (stack.state / "pgpass").read_text().strip().split(":")[4]
    files = {
        "pgbouncer.ini": _SETTINGS.format(database=stack.ports[0], gateway=gateway, port=port, folder=folder),
        "users": f'"postgres" "{password}"\n"reingest" "{_PASSWORD}"\n',
        "log": "",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    for path in (folder, *folder.iterdir()):
        shutil.chown(path, "nobody")
    passfile = stack.state / "pooler.pass"
    passfile.write_text(f"127.0.0.1:{port}:pgbouncer:reingest:{_PASSWORD}\n")
    passfile.chmod(0o600)
    run(PROGRAM, "--daemon", "--user", "nobody", folder / "pgbouncer.ini")
    admin = f"host=127.0.0.1 port={port} user=reingest passfile={passfile}"
    told = {"reingest_hold": "pgbouncer", "reingest_poolers": [{"admin": admin, "database": "nmdc"}]}
    (stack.home / "held.json").write_text(json.dumps(told))
    return ["-e", f"@{stack.home / 'held.json'}"]


def down(stack: Stack) -> None:
    """End the pooler of a stack, where it has one."""
    (stack.state / "pooler.pass").unlink(missing_ok=True)
    pid = stack.home / "pooler/pid"
    with suppress(FileNotFoundError, ProcessLookupError):
        os.kill(int(pid.read_text()), signal.SIGTERM)
    deadline = time.monotonic() + 10
    while pid.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
