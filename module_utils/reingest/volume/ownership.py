"""Which directory holds the records of a volume, noted on its host.

``.reingest/`` (0700) and ``staging/`` (0711) belong to the account that runs the modules. Where the servers'
account owns the volume root, it can still put another ``.reingest`` in the place of this one. So its inode is
noted on the host, beside the services' records, and a replaced one is refused.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import Refusal
from ..fs.durable import PRIVATE_FOLDER, make_own_directory
from ..fs.durable_record import DurableRecord
from ..fs.no_follow import folder, is_own, status_of
from ..fs.record_values import record_from
from .layout import Volume

_FILE = "volumes.json"  # in this host's own directory


@dataclass(frozen=True)
class Known:
    """The inode of ``.reingest/`` by the path of the volume root."""

    inodes: Mapping[str, int] = field(default_factory=dict)


def note_records(work: Path, volume: Volume) -> None:
    """Note on this host which directory holds the volume's records."""
    make_own_directory(volume.records)
    status = status_of(volume.records)
    known = _record(work).read() or Known()
    if status is not None and known.inodes.get(str(volume.root)) != status.st_ino:
        work.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        _record(work).write(Known({**known.inodes, str(volume.root): status.st_ino}))


def refuse_replaced(work: Path, volume: Volume) -> None:
    """Refuse records that are not the ones of the volume any more, where another account could do that.

    Raises:
        Refusal: they are another directory, or are gone.
    """
    with folder(volume.root) as root:
        if is_own(os.fstat(root)):
            return
    known = _record(work).read()
    noted = known.inodes.get(str(volume.root)) if known is not None else None
    status = status_of(volume.records)
    if noted is None or (status is not None and status.st_ino == noted):
        return
    raise Refusal(
        f"{volume.records} is not the directory that this host knows as the volume's records: the owner of "
        f"{volume.root} may have replaced it. Bring the right one back; where a backup was restored, delete "
        f"{work / _FILE} and run recover.yml"
    )


def _record(work: Path) -> DurableRecord[Known]:
    return DurableRecord(work / _FILE, lambda raw: record_from(Known, raw))
