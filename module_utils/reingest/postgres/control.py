"""Read ``global/pg_control``: who a data directory is, and whether it was shut down cleanly.

The layout is PostgreSQL's ``src/include/catalog/pg_control.h``; the offsets hold for the control versions
listed in ``_CRC_OFFSET``. Any other version is refused rather than guessed.
"""

from __future__ import annotations

import re
import struct
import time
from dataclasses import dataclass
from pathlib import Path

from ..errors import Refusal
from ..fs.no_follow import read_small

# control version -> offset of the CRC32C over all bytes before it. 1300 is PostgreSQL 14, 15 and 16; 1700 is
# 17, and moved nothing that is read here; 1800 is 18, and one field longer.
_CRC_OFFSET = {1300: 288, 1700: 288, 1800: 292}

_SHORTEST = 296  # the longest of the known layouts, with its checksum
_TORN_S = 0.01  # much longer than a server takes to write the file

# enum DBState in pg_control.h
_STATES = (
    "starting up",
    "shut down",
    "shut down in recovery",
    "shutting down",
    "in crash recovery",
    "in archive recovery",
    "in production",
)
SHUT_DOWN = "shut down"

WAL_LEVELS = (
    "minimal",
    "replica",
    "logical",
)  # enum WalLevel in xlog.h; each writes what the one before does

# struct offsets, the same in all known layouts; 18 added a field to CheckPoint, into a gap
_REDO, _FULL_PAGE_WRITES, _NEXT_XID, _WAL_LEVEL = 40, 56, 64, 172


def _crc32c_table() -> tuple[int, ...]:
    """Return the table of the Castagnoli polynomial, reflected (RFC 3720, appendix B.4)."""
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return tuple(table)


_TABLE = _crc32c_table()


def crc32c(data: bytes) -> int:
    """Return the CRC32C of the bytes, as PostgreSQL's ``COMP_CRC32C`` computes it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


@dataclass(frozen=True)
class Control:
    """What ``pg_control`` says of a data directory."""

    system_identifier: str  # decimal; a string because JSON readers lose digits of a 64-bit number
    control_version: int
    catalog_version: int
    state: str
    checkpoint_lsn: str  # "X/Y", the redo position of the last checkpoint
    timeline: int
    full_page_writes: bool  # when the last checkpoint was made; that there was no fsync leaves no trace here
    wal_level: str  # of the server's last start
    next_xid: int  # the full number of the next transaction, by the last checkpoint

    @property
    def clean(self) -> bool:
        """Whether the server was shut down in order, as a primary."""
        return self.state == SHUT_DOWN


def read_control(data: Path) -> Control:
    """Return what ``pg_control`` of the data directory says.

    Raises:
        Refusal: the file is missing, short, of an unknown version, or fails its CRC.
    """
    path = data / "global" / "pg_control"
    raw, failed = b"", b""
    while True:
        raw = _read(data, path)
        identifier, version, catalog, state = struct.unpack_from("<QIII", raw)
        offset = _CRC_OFFSET.get(version)
        if offset is None:
            known = ", ".join(map(str, _CRC_OFFSET))
            raise Refusal(
                f"{path} has control version {version}; only PostgreSQL 14 to 18 are known ({known})"
            )
        (expected,) = struct.unpack_from("<I", raw, offset)
        if crc32c(raw[:offset]) == expected:
            break
        if raw == failed:
            raise Refusal(
                f"{path} fails its checksum; the data directory is damaged: promote another snapshot"
            )
        failed = raw  # a server that runs may have been writing it: only what stays the same is damaged
        time.sleep(_TORN_S)
    redo, timeline = struct.unpack_from("<QI", raw, _REDO)
    full_page_writes = raw[_FULL_PAGE_WRITES] != 0
    (next_xid,) = struct.unpack_from("<Q", raw, _NEXT_XID)
    (level,) = struct.unpack_from("<i", raw, _WAL_LEVEL)
    name = _STATES[state] if state < len(_STATES) else f"unknown state {state}"
    wal_level = WAL_LEVELS[level] if 0 <= level < len(WAL_LEVELS) else f"unknown level {level}"
    lsn = f"{redo >> 32:X}/{redo & 0xFFFFFFFF:X}"
    rest = (lsn, timeline, full_page_writes, wal_level, next_xid)
    return Control(str(identifier), version, catalog, name, *rest)


def is_lsn(text: str) -> bool:
    """Return whether a text is a position "X/Y" in the WAL."""
    return re.fullmatch(r"[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}", text) is not None


def lsn_number(lsn: str) -> int:
    """Return a position "X/Y" in the WAL as a number that can be compared."""
    high, _, low = lsn.partition("/")
    return (int(high, 16) << 32) | int(low, 16)


def _read(data: Path, path: Path) -> bytes:
    try:
        raw = read_small(path)
    except (FileNotFoundError, NotADirectoryError):
        raise Refusal(f"{data} is not a PostgreSQL data directory: {path} is missing") from None
    except PermissionError:
        raise Refusal(f"{path} cannot be read; run on that host as root or as the servers' account") from None
    if len(raw) < _SHORTEST:
        raise Refusal(f"{path} is cut short ({len(raw)} bytes); restore it or promote another snapshot")
    return raw
