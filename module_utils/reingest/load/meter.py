"""How far a load is: counters in memory that its processes share, written without a lock or a call.

The process of the load makes a ``Meter``, and a ``TableMeter`` for each table, before it forks. Whoever fills
a table counts in it, once for each batch; each slot has one writer.
"""

from __future__ import annotations

import json
import mmap
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

WAITING, LOADING, INDEXING, DONE = "waiting", "loading", "indexing", "done"
_STATES = (WAITING, LOADING, INDEXING, DONE)

_SLOT = 32
_COUNTS = struct.Struct("=QQ")  # rows, bytes
_STATE = struct.Struct("=Qddd")  # index of the state; when it began, when the rows were in, when all was done
_HEADER = struct.Struct("=Q")  # half << 32 | length: eight bytes, which are never seen half written
_HALF = 1 << 20  # of what is shown; pages that nobody touches cost nothing
_SLOTS = 2 * _HALF + _HEADER.size
_SIZE = _SLOTS + (1 << 20)


class Meter:
    """The memory, the same for all processes forked after it was made.

    Beside the counters it has room for a small value that its maker shows to the others.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _SIZE)
        self._next = _SLOTS
        self._half = 0
        self.tables: dict[str, TableMeter] = {}

    def table(self, name: str, size: int, *, streams: int = 1) -> TableMeter:
        """Return the counters of a table, made anew.

        Args:
            name: the table.
            size: bytes of its sources as they lie there, compressed or not; 0 where nobody knows.
            streams: how many processes may fill it at the same time.
        """
        state, *counts = (self._slot() for _ in range(streams + 1))
        made = TableMeter(self._memory, size, state, tuple(StreamMeter(self._memory, at) for at in counts))
        self.tables[name] = made
        return made

    def show(self, value: Mapping[str, Any]) -> None:
        """Show a value, of what JSON can hold, and with it which tables there are; only the maker may."""
        tables = {
            name: [table.size, table.at, [stream.at for stream in table.streams]]
            for name, table in self.tables.items()
        }
        text = json.dumps({**value, "tables": tables}).encode()
        if len(text) > _HALF:
            raise ValueError(f"{len(text)} bytes are more than a meter can show")
        self._half = 1 - self._half
        begin = _HEADER.size + self._half * _HALF
        self._memory[begin : begin + len(text)] = text
        _HEADER.pack_into(self._memory, 0, self._half << 32 | len(text))

    def shown(self) -> dict[str, Any]:
        """Return the value as it is shown now, with ``tables``, a list of ``TableMeter.counted``.

        Raises:
            ValueError: it was changed twice while it was read: ask again.
        """
        (header,) = _HEADER.unpack_from(self._memory, 0)
        begin = _HEADER.size + (header >> 32) * _HALF
        value = json.loads(self._memory[begin : begin + (header & 0xFFFFFFFF)])
        value["tables"] = [
            {
                "table": name,
                **TableMeter(
                    self._memory, size, at, tuple(StreamMeter(self._memory, one) for one in streams)
                ).counted(),
            }
            for name, (size, at, streams) in value["tables"].items()
        ]
        return dict(value)

    def _slot(self) -> int:
        at = self._next
        self._next += _SLOT
        if self._next > _SIZE:
            raise ValueError("a meter has no room for so many tables and streams")
        return at


@dataclass
class StreamMeter:
    """What one process has read of a table."""

    memory: mmap.mmap
    at: int
    rows: int = 0
    size: int = 0

    def add(self, rows: int, size: int) -> None:
        """Count rows read, and the bytes of the source that they took up."""
        self.rows += rows
        self.size += size
        _COUNTS.pack_into(self.memory, self.at, self.rows, self.size)

    def reset(self) -> None:
        """Count from nothing: the source is read once more."""
        self.rows = self.size = 0
        _COUNTS.pack_into(self.memory, self.at, 0, 0)

    def counted(self) -> tuple[int, int]:
        """Return rows and bytes, whoever counted them."""
        rows, size = _COUNTS.unpack_from(self.memory, self.at)
        return rows, size


@dataclass
class TableMeter:
    """A table's state, and one ``StreamMeter`` for each process that may fill it."""

    memory: mmap.mmap
    size: int
    at: int
    streams: tuple[StreamMeter, ...] = field(default_factory=tuple)

    def enter(self, state: str) -> None:
        """Say what happens to the table from now on; one process at a time."""
        _, began, filled, ended = _STATE.unpack_from(self.memory, self.at)
        now = time.monotonic()  # the same clock for all processes of a machine
        filled = 0.0 if state == LOADING else filled or now
        ended = now if state == DONE else ended
        _STATE.pack_into(self.memory, self.at, _STATES.index(state), began or now, filled, ended)

    def counted(self) -> dict[str, Any]:
        """Return state, rows, bytes, total bytes (0 when unknown) and when it began, was filled and ended."""
        index, began, filled, ended = _STATE.unpack_from(self.memory, self.at)
        counts = [stream.counted() for stream in self.streams]
        return {
            "state": _STATES[index],
            "rows": sum(rows for rows, _ in counts),
            "bytes": sum(size for _, size in counts),
            "total": self.size,
            "began": began,
            "filled": filled,
            "ended": ended,
        }
