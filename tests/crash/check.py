"""What must be true of a volume at every instant, and how it looks in the end."""

from __future__ import annotations

import stat
from pathlib import Path

from crash.module import records_of
from crash.server import NotServedError
from crash.volumes import OLD, whole

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.postgres.control import read_control
from plugins.module_utils.reingest.volume.layout import Volume
from plugins.module_utils.reingest.volume.ledger import read_ledger

LOCKS = ("verb.lock", "claim.lock", "window.lock")  # the kernel's; that the file is there says nothing
SIGNS = "window.lease"  # of life, of the last run; the next window takes them away


def invariant(templates, root, allowed, *, keeps):
    """Return what is wrong with a volume, at any instant.

    Args:
        templates: the clusters that the volume was made of.
        root: the volume's path.
        allowed: the snapshots that may be live; empty: none.
        keeps: the snapshots that must be on the volume somewhere, whole.
    """
    volume = Volume(root)
    try:
        live, recorded = volume.live() or "", read_ledger(volume).live()
    except Refusal as refusal:
        return [str(refusal)]
    wrong = []
    if live not in allowed:
        wrong.append(f"prod leads to {live or 'nothing'}, not to one of {allowed}")
    if recorded not in allowed:
        wrong.append(f"the ledger says that {recorded or 'nothing'} is live, not one of {allowed}")
    if live and str(volume.prod.readlink()) != f"staging/{live}":
        wrong.append(f"prod is a link to {volume.prod.readlink()}")
    if not volume.ingest.is_dir() or volume.ingest.is_symlink():
        wrong.append("ingest is not there")
    wrong += [
        f"{snapshot} is lost or not whole" for snapshot in keeps if not _is_kept(templates, volume, snapshot)
    ]
    if live in allowed:
        wrong += serves(templates, volume, live)
    return wrong


def serves(templates, volume, live):
    """Return what is wrong with what PostgreSQL serves from ``prod``."""
    if not live or live in OLD:
        return []
    try:
        served = templates.servers.release(volume.prod)
    except NotServedError as error:
        return [f"PostgreSQL does not serve from prod: {error}"]
    return [] if served == whole(live) else [f"prod leads to {live}, and serves {served}"]


def _is_kept(templates, volume, snapshot):
    """Return whether a snapshot's cluster is whole, in ``ingest/`` or in its place in ``staging/``."""
    identifier = templates.system_identifier(snapshot)
    places = [volume.ingest, *(volume.snapshot(name) for name in volume.snapshots())]
    found = [place for place in places if _identifier(place) == identifier]
    if len(found) != 1 or found[0] not in (volume.ingest, volume.snapshot(snapshot)):
        return False
    return _names(templates.cluster(snapshot)) <= _names(found[0])


def _names(folder):
    """Return the files that a cluster must have; its servers make and delete the others."""
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if not path.name.startswith(("pg_internal", "pgstat", "postmaster")) and "pg_wal" not in path.parts
    }


def _identifier(path):
    try:
        return read_control(path).system_identifier
    except (Refusal, FileNotFoundError):
        return ""


def describe(root):
    """Return a volume as plain values, without times and runs: equal for two that are in the same state."""
    volume = Volume(root)
    records = sorted(path for path in volume.records.rglob("*") if path.name not in LOCKS)
    host = [path for path in records_of(root).glob("*") if path.name not in LOCKS]
    entries = [
        (entry.state, entry.snapshot, dict(entry.detail), entry.why) for entry in read_ledger(volume).entries
    ]
    return {
        "root": [_shown(path) for path in sorted(root.iterdir())],
        "staging": [_shown(path) for path in sorted(volume.staging.iterdir())]
        if volume.staging.is_dir()
        else None,
        "ingest": _content(volume.ingest),
        "records": [f"{path.relative_to(volume.records)} {_kind(path)}" for path in records],
        "host": sorted(path.name for path in host if not path.name.startswith(SIGNS)),
        "ledger": entries,
    }


def difference(expected, found):
    """Return in what a volume differs from what it should be."""
    wrong = []
    for part, value in expected.items():
        if found[part] == value:
            continue
        other = found[part]
        if isinstance(value, list) and isinstance(other, list):
            lacks, more = (
                [one for one in value if one not in other],
                [one for one in other if one not in value],
            )
            wrong.append(
                f"{part}: lacks {lacks}, has {more}" if lacks or more else f"{part}: {other}, not {value}"
            )
        else:
            wrong.append(f"{part}: {other}, not {value}")
    return wrong


def _shown(path):
    """Return a directory or link in words; a data directory by its cluster."""
    identifier = "" if path.is_symlink() else _identifier(path)
    return f"{path.name} {_kind(path)} {identifier}".strip()


def _content(path):
    identifier = _identifier(path)
    return f"cluster {identifier}" if identifier else sorted(entry.name for entry in path.iterdir())


def _kind(path: Path):
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        return f"-> {path.readlink()}"
    kind = "folder" if stat.S_ISDIR(status.st_mode) else "file"
    return f"{kind} {stat.S_IMODE(status.st_mode):04o} {status.st_uid}:{status.st_gid}"
