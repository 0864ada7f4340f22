"""PostgreSQL's own programs on this host: pg_dump, pg_restore, pg_waldump."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

_FOLDERS = ("/usr/lib/postgresql/{}/bin", "/usr/pgsql-{}/bin")  # of Debian's and of PostgreSQL's own packages
_MAJOR = re.compile(r"\(PostgreSQL\) (\d+)")
_ASKED_S = 10.0


def find_program(name: str, major: int) -> Path | None:
    """Return where a program of one major version is; None where this host has none.

    What the volume says of its server (``postmaster.opts``) is no place to look: whoever can write there
    would choose what this account runs.

    Args:
        name: such as ``pg_dump``.
        major: the server's major version, such as 16.
    """
    folders = [folder.format(major) for folder in _FOLDERS]
    found = (shutil.which(name, path=folder) for folder in (*folders, None))
    return next((Path(path) for path in found if path and _major(path) == major), None)


def _major(path: str) -> int | None:
    try:
        told = subprocess.run(  # noqa: S603 - a program of this host
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_ASKED_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _MAJOR.search(told.stdout)
    return int(found[1]) if found else None
