"""Whether a data directory may become the live one."""

from __future__ import annotations

from ..engines.occupancy import occupancy_faults
from ..errors import Refusal
from ..fs.no_follow import is_there
from ..postgres.datadir import (
    DataDirectory,
    read_data_directory,
    structure_faults,
    use_faults,
    version_faults,
    wal_faults,
)
from ..postgres.settings import LOAD_CONF, setting_faults
from ..volume.layout import Volume
from ..volume.ledger import Entry
from ..volume.unsynced import mark_of
from .finalised import record_faults, record_of


def candidate_faults(
    volume: Volume, found: DataDirectory, live: str, *, dry: bool, exclusive: bool = False
) -> list[str]:
    """Return why a data directory must not become the live one.

    Args:
        volume: the volume.
        found: the data directory.
        live: the snapshot that is live now; empty: there is none to compare with, and none to be in use.
        dry: check mode: the servers, which run now, are taken as stopped.
        exclusive: whether both directories are declared to be nobody else's, where that cannot be seen.
    """
    reference = live_directory(volume, live)
    faults = structure_faults(found.path) + version_faults(found, reference)
    if dry:  # a snapshot that is not live has none of the run's servers, which run now
        idle = found.path.parent == volume.staging
        if idle:
            faults += use_faults(found.path) + occupancy_faults(found.path, exclusive=exclusive)
        return faults
    faults += use_faults(found.path)
    for directory in (found.path, volume.snapshot(live) if live else None):
        faults += occupancy_faults(directory, exclusive=exclusive) if directory else []
    return faults


def load_faults(
    volume: Volume, found: DataDirectory, live: str, *, entry: Entry | None, dry: bool
) -> list[str]:
    """Return why a load that never served must not be trusted to survive a power cut.

    ``fsync = off`` leaves no trace in ``pg_control``: the record says that the tree was synced, and the
    settings that nothing was written without fsync since.

    Args:
        volume: the volume.
        found: the load's data directory.
        live: the snapshot that is live now; empty: there is none to compare with.
        entry: the load's line in the ledger.
        dry: whether its server still runs, and is taken as stopped.
    """
    faults = loading_faults(volume, found)
    faults += [] if faults else record_faults(found, record_of(entry))
    return faults + setting_and_wal_faults(volume, found, live, dry=dry)


def loading_faults(volume: Volume, found: DataDirectory) -> list[str]:
    """Return whether a load is not finalised: its settings are there, or what it wrote was not synced."""
    if is_there(found.path / LOAD_CONF):
        return [
            f"{found.path} has the settings of a load that did not come to its end ({LOAD_CONF}): run "
            "load.yml, which resumes it, takes them away and finalises it"
        ]
    if mark_of(volume, found.system_identifier) is not None:
        return [
            f"{found.path} was loaded without fsync and not synced since: run load.yml, which keeps the rows "
            "and finalises them"
        ]
    return []


def setting_and_wal_faults(volume: Volume, found: DataDirectory, live: str, *, dry: bool) -> list[str]:
    """Return the same of the directory alone, before there is a record of it.

    What the settings for a load do is passed over: they go before the load is finalised.
    """
    faults = setting_faults(found.path, without=LOAD_CONF)
    if not loading_faults(volume, found):
        faults += wal_faults(found, live_directory(volume, live), running=dry)
    return faults


def live_directory(volume: Volume, live: str) -> DataDirectory | None:
    """Return the live data directory; None where it is damaged: another may take its place."""
    if not live:
        return None
    try:
        return read_data_directory(volume.snapshot(live))
    except Refusal:
        return None
