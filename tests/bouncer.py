"""A real PgBouncer for the tests: Debian's package, with a configuration and a port of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest
from clusters import as_unprivileged, unprivileged
from deployment import free_port
from waiting import wait_for

PROGRAM = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
ADMIN, LOOKS, ADMIN_PASSWORD = "admin", "looks", "only-for-the-console"
# What a portal with a pooler has to set for a switch that nobody feels: see docs/held.md.
QUICK = {"server_login_retry": "1", "dns_nxdomain_ttl": "1", "dns_max_ttl": "1"}


@dataclass
class Bouncer:
    """One PgBouncer to ``start`` and ``stop``."""

    home: Path
    port: int
    databases: dict  # by name its line
    users: dict  # by name the password
    settings: dict
    process: subprocess.Popen | None = None

    @property
    def passfile(self):
        return self.home / "pgpass"

    def admin(self, user=ADMIN, **more):
        """Return the admin console's connection string, without a password."""
        parts = {"host": "127.0.0.1", "port": self.port, "user": user, "passfile": self.passfile, **more}
        return " ".join(f"{key}={value}" for key, value in parts.items())

    def raw(self, database="portal", **more):
        """Return it as an inventory has it."""
        return {"admin": self.admin(**more), "database": database}

    def dsn(self, user, database="portal"):
        return f"postgresql://{user}:{self.users[user]}@127.0.0.1:{self.port}/{database}"

    def connect(self, user, database="portal"):
        """Return a client's connection in autocommit; close it."""
        connection = psycopg2.connect(self.dsn(user, database))
        connection.autocommit = True
        return connection

    def console(self, statement):
        """Say something at the admin console, as an operator does; return the rows."""
        with closing(psycopg2.connect(self.admin(dbname="pgbouncer"))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                if not cursor.description:
                    return []
                names = [column[0] for column in cursor.description]
                return [dict(zip(names, row)) for row in cursor.fetchall()]

    def paused(self, database="portal"):
        return {row["name"]: bool(row["paused"]) for row in self.console("SHOW DATABASES")}[database]

    def configure(self, **settings):
        """Change settings as an operator does: in the file, then RELOAD."""
        self.settings.update(settings)
        self._write()
        self.console("RELOAD")

    def start(self):
        self._write()
        with (self.home / "log").open("ab") as log:
            command = [PROGRAM, "--quiet", str(self.home / "pgbouncer.ini")]
            self.process = subprocess.Popen(command, cwd="/", stderr=log, **as_unprivileged())
        wait_for(self.answers, lambda: (self.home / "log").read_text(), seconds=10)

    def answers(self):
        try:
            self.console("SHOW VERSION")
        except psycopg2.OperationalError:
            return False
        return True

    def stop(self):
        """End it at once, as a crash or an operator's restart does."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            self.process.wait()
            self.process = None

    def restart(self):
        self.stop()
        self.start()

    def hang(self):
        self.process.send_signal(signal.SIGSTOP)

    def _write(self):
        own = {
            "listen_addr": "127.0.0.1",
            "listen_port": self.port,
            "unix_socket_dir": "",
            "auth_type": "scram-sha-256",
            "auth_file": self.home / "users",
            "admin_users": ADMIN,
            "stats_users": LOOKS,
            "pool_mode": "transaction",
        }
        lines = ["[databases]", *(f"{name} = {line}" for name, line in self.databases.items())]
        lines += ["[pgbouncer]", *(f"{key} = {value}" for key, value in {**own, **self.settings}.items())]
        (self.home / "pgbouncer.ini").write_text("\n".join(lines) + "\n")
        all_ = {ADMIN: ADMIN_PASSWORD, LOOKS: ADMIN_PASSWORD, **self.users}
        (self.home / "users").write_text("".join(f'"{name}" "{word}"\n' for name, word in all_.items()))
        self.passfile.write_text(f"127.0.0.1:{self.port}:*:*:{ADMIN_PASSWORD}\n")
        self.passfile.chmod(0o600)


@pytest.fixture
def bouncer_factory():
    """Return ``make(databases, users, **settings)``, which starts a PgBouncer: a ``Bouncer``.

    Its admin console has the user ``admin``; ``looks`` may only look.
    """
    if not Path(PROGRAM).exists():
        told = "NOT RUN: there is no PgBouncer here: apt-get install pgbouncer"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(told)
    made = []

    def make(databases, users, **settings):
        home = Path(tempfile.mkdtemp(prefix="reingest-bouncer-", dir="/var/tmp"))
        home.chmod(0o755)
        os.chown(home, unprivileged().pw_uid, unprivileged().pw_gid)
        bouncer = Bouncer(home, free_port(), dict(databases), dict(users), {**QUICK, **settings})
        made.append(bouncer)
        bouncer.start()
        return bouncer

    yield make
    for bouncer in made:
        bouncer.stop()
        shutil.rmtree(bouncer.home)
