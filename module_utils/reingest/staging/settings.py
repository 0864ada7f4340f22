"""Give the staging server its settings for the load, and take them away again: planned from the files."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..errors import Refusal
from ..fs.durable import replace_file, sync_directory, unlink
from ..fs.no_follow import is_empty, is_folder, is_link, read_small, status_of
from ..host.boot import boot_id
from ..host.machine import machine_of
from ..postgres.datadir import is_data_directory, processes_in, read_data_directory, server_started
from ..postgres.load_settings import (
    excluded,
    included,
    load_settings,
    render,
    rendered,
    stronger_settings,
)
from ..postgres.settings import LOAD_CONF, command_line, file_settings, setting_faults
from ..volume.layout import Volume
from ..volume.unsynced import Unsynced, end_mark, is_lost, mark_of, write_mark

_CONF = "postgresql.conf"


@dataclass(frozen=True)
class SettingsPlan:
    """What is to be done to the settings of the staging server."""

    loading: bool  # whether they are those for the load afterwards
    before: Mapping[str, str] | None  # what the file for the load has; None: there is none
    after: Mapping[str, str] | None
    conf: bytes  # postgresql.conf afterwards
    system_identifier: str
    changed: bool
    restart: bool  # whether the server, as it runs now, has other settings than these

    def did(self) -> list[str]:
        """Return the step as a sentence."""
        if not self.changed:
            return []
        if self.loading:
            return ["give the staging server its settings for the load"]
        return ["take the staging server's settings for the load away"]

    def diff(self) -> dict[str, str]:
        """Return the file for the load, before and after."""
        if not self.changed:
            return {"before": "", "after": ""}
        return {"before": _shown(self.before), "after": _shown(self.after)}


def plan_load_settings(volume: Volume, *, autovacuum: bool, dry: bool = False) -> SettingsPlan:
    """Plan to give the staging server its settings for the load.

    Args:
        volume: the volume; the server runs, so that its limits are seen, or is stopped.
        autovacuum: whether tables are vacuumed and analyzed while they are loaded.
        dry: check mode: ``ingest/`` may be empty, the server that this run starts makes its cluster.

    Raises:
        Refusal: the server does not read ``postgresql.conf`` in its data directory, or something else there
            would cost the load its rows in a power cut.
    """
    data = volume.ingest
    if dry and (not is_data_directory(data) or is_lost(volume)):
        return SettingsPlan(True, None, {}, b"", "", changed=True, restart=True)
    if is_lost(volume):
        raise Refusal(
            f"{data} was loaded without fsync, and the machine went down before it was on disk: run "
            "load.yml, which starts over"
        )
    found = read_data_directory(data)
    line = command_line(data)
    content = None if is_link(data / _CONF) else _read(data / _CONF)
    if content is None or "config_file" in line:
        raise Refusal(
            f"{data} has no {_CONF} of its own that its server reads, so it cannot be given settings for the "
            "load: let the server use the one in its data directory, or set reingest_load_settings: false"
        )
    _refuse_unsafe(data, "loaded into")
    settings = load_settings(
        int(found.major),
        machine_of(next(iter(processes_in(data)), None)),
        free=shutil.disk_usage(volume.root).free,
        own=file_settings(data, without=LOAD_CONF),
        stronger=stronger_settings(data / "postgresql.auto.conf", line),
        slots=_has_entries(data / "pg_replslot"),
        autovacuum=autovacuum,
    )
    before, conf = rendered(_read(data / LOAD_CONF)), included(content)
    mark = mark_of(volume, found.system_identifier)
    changed = before != settings or conf != content or mark is None or bool(mark.ended)
    restart = changed or not _started_after(data, _written(data / LOAD_CONF, data / _CONF))
    return SettingsPlan(True, before, settings, conf, found.system_identifier, changed, restart)


def plan_production_settings(volume: Volume, *, loading: bool = False) -> SettingsPlan:
    """Plan to take the settings for the load away again.

    Args:
        volume: the volume.
        loading: check mode: an earlier step of the run gives the server its settings for the load.

    Raises:
        Refusal: afterwards something else would still cost the load its rows in a power cut.
    """
    data = volume.ingest
    if loading:
        return SettingsPlan(False, {}, None, b"", "", changed=True, restart=True)
    if not is_data_directory(data):
        return SettingsPlan(False, None, None, b"", "", changed=False, restart=False)
    found = read_data_directory(data)
    _refuse_unsafe(data, "finalised")
    before, content = rendered(_read(data / LOAD_CONF)), _read(data / _CONF) or b""
    conf = excluded(content)
    mark = mark_of(volume, found.system_identifier)
    changed = before is not None or conf != content or (mark is not None and not mark.ended)
    restart = changed or (mark is not None and not _started_after(data, _nanoseconds(mark.ended)))
    return SettingsPlan(False, before, None, conf, found.system_identifier, changed, restart)


def apply_settings(volume: Volume, plan: SettingsPlan, *, run: str, operator: str) -> None:
    """Do what was planned; the mark comes before the settings, and is ended after them."""
    data = volume.ingest
    mark = mark_of(volume, plan.system_identifier) or Unsynced(plan.system_identifier, boot_id(), run)
    if plan.loading:
        write_mark(volume, Unsynced(plan.system_identifier, boot_id(), run))
        content = render(plan.after or {}, run=run, operator=operator)
        replace_file(data / LOAD_CONF, content, like=data / _CONF)
    if plan.conf != (_read(data / _CONF) or b""):
        replace_file(data / _CONF, plan.conf, like=data / _CONF)
    if not plan.loading:
        unlink(data / LOAD_CONF)
        sync_directory(data)
        end_mark(volume, mark)


def _refuse_unsafe(data: Path, verb: str) -> None:
    faults = setting_faults(data, without=LOAD_CONF)
    if faults:
        raise Refusal(f"{data} cannot be {verb}: " + "; ".join(faults))


def _started_after(data: Path, written: int) -> bool:
    """Return whether the server on the directory was started later, in nanoseconds since 1970."""
    started = server_started(data)
    return started is not None and started > written


def _written(*paths: Path) -> int:
    found = [status for path in paths if (status := status_of(path)) is not None]
    return max((status.st_mtime_ns for status in found), default=0)


def _nanoseconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1e9)


def _read(path: Path) -> bytes | None:
    try:
        return read_small(path)
    except FileNotFoundError:
        return None


def _has_entries(folder: Path) -> bool:
    return is_folder(folder) and not is_empty(folder)


def _shown(settings: Mapping[str, str] | None) -> str:
    if settings is None:
        return f"{LOAD_CONF}: absent\n"
    return f"{LOAD_CONF}:\n" + "".join(f"  {name} = {value}\n" for name, value in settings.items())
