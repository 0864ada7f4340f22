"""What must hold of a data directory before it may become the live one, or a server may start on it."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from ..errors import Refusal
from ..fs.no_follow import (
    folder,
    is_empty,
    is_file,
    is_folder,
    is_link,
    is_there,
    listed,
    read_link,
    read_small,
    status_of,
)
from .control import WAL_LEVELS, Control, read_control
from .working import working_in

_MOST = 64  # bytes of PG_VERSION

# Files that say "this directory is in use", "this is a backup" or "this is a standby".
_MUST_BE_ABSENT = {
    "postmaster.pid": "a server runs on it or was killed; stop it in order (fast shutdown), then try again",
    "backup_label": "it is a copy of a running server; start and stop a server on it first",
    "standby.signal": "it is a standby; only a primary that was shut down can be promoted",
    "recovery.signal": "it waits for a recovery; start and stop a server on it first",
}


@dataclass(frozen=True)
class DataDirectory:
    """A data directory as it was found."""

    path: Path
    major: str  # content of PG_VERSION: pg_control alone does not tell 14 from 17
    control: Control

    @property
    def system_identifier(self) -> str:
        """The cluster's identity; it moves with the directory, so it names a load wherever it lies."""
        return self.control.system_identifier


def read_data_directory(path: Path) -> DataDirectory:
    """Return what lies at the path.

    Raises:
        Refusal: nothing lies there, or something that is no data directory.
    """
    try:
        major = read_small(path / "PG_VERSION", most=_MOST).decode("ascii").strip()
    except (FileNotFoundError, NotADirectoryError):
        reason = (
            "it is empty"
            if is_folder(path) and is_empty(path)
            else "it has no PG_VERSION"
            if is_folder(path)
            else "there is no such directory"
        )
        raise Refusal(f"{path} holds no database: {reason}; load into it first") from None
    except UnicodeDecodeError:
        raise Refusal(f"{path} holds no database: its PG_VERSION is none; load into it first") from None
    except PermissionError:
        raise Refusal(f"{path} cannot be read; run on that host as root or as the servers' account") from None
    return DataDirectory(path, major, read_control(path))


def is_data_directory(path: Path) -> bool:
    """Return whether a cluster was initialised at the path."""
    return is_file(path / "PG_VERSION")


def server_started(path: Path) -> int | None:
    """Return when the server on the directory was started, in nanoseconds since 1970; None when none runs.

    ``postmaster.pid`` has the second only; ``postmaster.opts`` is written once, at the start.
    """
    status = status_of(path / "postmaster.opts") if is_there(path / "postmaster.pid") else None
    return None if status is None else status.st_mtime_ns


def structure_faults(path: Path) -> list[str]:
    """Return why the directory cannot move: modes, tablespaces and links that a rename leaves behind."""
    if is_link(path):
        return [
            f"{path} is a link to {read_link(path)}, a rename would move only the link: mount the volume "
            "there"
        ]
    faults = []
    with folder(path) as directory:
        mode = stat.S_IMODE(os.fstat(directory).st_mode)
    if mode not in (0o700, 0o750):
        faults.append(
            f"{path} has mode {mode:04o}, PostgreSQL starts only on 0700 or 0750: chmod 0700 {path}"
        )
    if is_link(path / "pg_wal"):
        faults.append(
            f"{path}/pg_wal is a link to {read_link(path / 'pg_wal')}: move the WAL back into the directory"
        )
    spaces = path / "pg_tblspc"
    if is_folder(spaces):
        faults += [
            f"{spaces / name} is a tablespace, its files lie outside the directory: move its tables to "
            "pg_default and drop it"
            for name in listed(spaces)
        ]
    return faults


def use_faults(path: Path) -> list[str]:
    """Return why a server may still be, or have been, on the directory, by the files that it left there.

    Who is in it now is another question: ``services/occupancy.py``.
    """
    faults = [
        f"{path}/{name} is there: {why}" for name, why in _MUST_BE_ABSENT.items() if is_there(path / name)
    ]
    control = read_control(path)
    if not control.clean:
        faults.append(
            f"{path} was not shut down cleanly (pg_control says: {control.state}); start a server on it and "
            "stop it in order"
        )
    return faults


def version_faults(candidate: DataDirectory, reference: DataDirectory | None) -> list[str]:
    """Return how the candidate's versions differ from those of the live directory, if there is one."""
    if reference is None:
        return []
    faults = []
    if candidate.major != reference.major:
        faults.append(
            f"{candidate.path} is of PostgreSQL {candidate.major}, production is of {reference.major}: load "
            f"with {reference.major}"
        )
    elif candidate.control.catalog_version != reference.control.catalog_version:
        faults.append(
            f"{candidate.path} has catalog version {candidate.control.catalog_version}, production has "
            f"{reference.control.catalog_version}: both must run from one image"
        )
    return faults


def wal_faults(
    candidate: DataDirectory, reference: DataDirectory | None, *, running: bool = False
) -> list[str]:
    """Return in what the candidate's WAL is less than the live directory's, if there is one.

    More than production's is no fault: each level writes all that the one before it writes. While its server
    is ``running``, its full_page_writes are those of a start before: the checkpoint of its stop tells.
    """
    control = candidate.control
    faults = []
    if not control.full_page_writes and not running:
        faults.append(
            f"{candidate.path} was run with full_page_writes = off until its last checkpoint "
            "(pg_control): restart the staging server with on, and stop it in order"
        )
    if reference is None or reference.control.wal_level not in WAL_LEVELS:
        return faults
    wanted = WAL_LEVELS[WAL_LEVELS.index(reference.control.wal_level) :]
    if control.wal_level not in wanted:
        faults.append(
            f"{candidate.path} was run with wal_level = {control.wal_level}, production is run with "
            f"{reference.control.wal_level}: give the staging server production's, and restart it"
        )
    return faults


def processes_in(path: Path) -> list[int]:
    """Return the processes whose working directory is this directory, in any container of this machine."""
    return list(working_in(path).seen)
