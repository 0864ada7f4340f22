"""Clusters that were really initialised, made once a session; tests copy them."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from clusters import initialise, programs, unprivileged


@pytest.fixture(scope="session")
def cluster():
    """Return ``make(major)``: the path of a cluster of that version, shut down; do not change it."""
    root = Path(tempfile.mkdtemp(prefix="reingest-unit-", dir="/var/tmp"))
    root.chmod(0o755)
    account = unprivileged()

    def make(major):
        data = root / str(major) / "data"
        if not data.exists():
            data.parent.mkdir()
            os.chown(data.parent, account.pw_uid, account.pw_gid)
            initialise(programs(major, root), data)
        return data

    yield make
    shutil.rmtree(root)
