"""The last proof, after the stop: nobody wrote into production once its rows were taken.

A transaction that writes takes a number, and the last checkpoint of a server that was shut down has the next
one (``nextXid`` in ``src/include/catalog/pg_control.h``). Equal numbers prove it, for nothing. Unequal ones
prove nothing: autovacuum takes numbers, too, and so do other databases. Then the WAL tells what they wrote.

Which records change rows is by ``src/backend/access/rmgrdesc/heapdesc.c`` of PostgreSQL 14 to 18. Vacuum, the
visibility map, locks of rows and images of whole pages change none. TRUNCATE and what rewrites a table leave
the old file with the commit (``xactdesc.c``).
"""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import Refusal
from ..postgres.datadir import DataDirectory, read_data_directory
from ..postgres.waldump import Unread, WalRecord, read_wal
from ..volume.layout import Volume
from .record import Carried, carried_record, fence_record

_HEAP = ("Heap", "Heap2")
_CHANGES = ("INSERT", "DELETE", "UPDATE", "HOT_UPDATE", "MULTI_INSERT")
# A prepared transaction may be committed later. What is behind the colon is its own text, and no matter.
_LASTS = ("COMMIT", "PREPARE")
_PLACE = re.compile(r"blkref #\d+: rel (\d+/\d+/\d+)")
_SUBTRANSACTIONS = re.compile(r"; subxacts:((?: \d+)+)")
_FILE = re.compile(r"(?:base|pg_tblspc/(\d+)/[^/ ]+)/(\d+)/(\d+)\b")
_DEFAULT_SPACE = "1663"  # pg_default, whose files are in base/


def untouched(volume: Volume, directory: Path, run: str) -> str:
    """Return what is proven of the stopped server whose rows the run took; empty where it took none.

    Raises:
        Refusal: a row was changed since, which what is to serve does not have; or the directory is damaged,
            or a record is.
    """
    found = read_data_directory(directory)
    control = found.control
    fence = fence_record(volume, control.system_identifier).read()
    manifest = carried_record(volume, run).read() if fence is not None and fence.taken == run else None
    if manifest is None or manifest.server != control.system_identifier:
        return ""
    since = control.next_xid - int(manifest.xmax)
    if control.clean and since == 0:
        return "nobody wrote into production after the fence"
    try:
        _refuse_changed(found, manifest)
    except Unread as unread:
        numbers = "1 transaction number was" if since == 1 else f"{since} transaction numbers were"
        return (
            f"that nobody wrote into production after the fence is not proven: {numbers} taken since, say "
            f"by autovacuum or in another database, and {unread}"
        )
    return "nobody wrote into production's portal-owned tables after the fence (read from its log)"


def _refuse_changed(found: DataDirectory, manifest: Carried) -> None:
    if not found.control.clean:
        raise Unread("it was not shut down in order")
    if not manifest.stored:
        raise Unread("where the tables lie was not noted")
    major = int(found.major) if found.major.isdecimal() and found.major.isascii() else 0
    changed = _Changes(manifest)
    for record in read_wal(found.path, major, manifest.lsn, found.control):
        changed.see(record)
    changed.refuse()


class _Changes:
    """What the WAL says of carried tables, record by record."""

    def __init__(self, manifest: Carried) -> None:
        self._stored = {one.place: one for one in manifest.stored}
        self._databases = {one.place.split("/")[1] for one in manifest.stored}
        self._open: dict[int, str] = {}  # by transaction, the table that it changed: it may yet be undone
        self._done = ""
        self._made = False

    def see(self, record: WalRecord) -> None:
        verb = record.what.partition(" ")[0].partition("+")[0]
        if record.manager in _HEAP and verb in _CHANGES:
            for place in _PLACE.findall(record.what):
                if place in self._stored:
                    self._open[record.xid] = self._stored[place].table
        elif record.manager == "Transaction" and verb in _LASTS:
            self._end(record)
        elif record.manager == "Storage" and verb == "CREATE":
            self._made |= any(database in self._databases for _, database, _ in _FILE.findall(record.what))

    def _end(self, record: WalRecord) -> None:
        numbers = [record.xid]
        for listed in _SUBTRANSACTIONS.findall(record.what):
            numbers += map(int, listed.split())
        changed = [self._open[number] for number in numbers if number in self._open]
        for space, database, file in _FILE.findall(record.what):
            stored = self._stored.get(f"{space or _DEFAULT_SPACE}/{database}/{file}")
            if stored is not None:
                changed.append(stored.table)
        if changed and not self._done:
            self._done = f"table {changed[0]} was changed by transaction {record.xid}"

    def refuse(self) -> None:
        """Refuse when rows were changed.

        Raises:
            Refusal: that is so.
            Unread: that they were not is not proven.
        """
        if self._done:
            raise Refusal(
                f"somebody wrote into production after the fence: {self._done} (read from its log), and what "
                "is to serve has the rows of before: find out who opened the database, then run again"
            )
        hidden = next((one.table for one in self._stored.values() if not one.logged), "")
        if hidden:
            raise Unread(f"changes of table {hidden} are not in its log (it is unlogged, or no heap)")
        if self._made:
            raise Unread("its log says that a relation was made in the database since")
