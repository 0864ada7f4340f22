"""What the next load needs, told from those before it."""

from __future__ import annotations

from dataclasses import dataclass

from ..fs.sizes import TreeSize, measure, shown_bytes
from ..volume.layout import Volume
from ..volume.ledger import LOADED, Ledger

_LEAST, _MOST = 1.1, 2.0  # a load is taken to grow by a tenth at least; one odd load is no trend
_LOOKED_AT = 4  # loads, the last ones
_GIB = 1 << 30
_WAL_SHARE = 7  # load_settings gives the WAL an eighth of what is free, that is a seventh of the rest


@dataclass(frozen=True)
class Forecast:
    """What the next load needs."""

    size: int  # of its directory when it is finalised; 0: there is nothing to tell it from
    extra: int  # for WAL and sorting, gone again when it is finalised
    held: int  # what ingest/ takes now, which the load uses or drops
    how: str  # from what it was told

    @property
    def need(self) -> int:
        """Return how many bytes must be free before it begins."""
        return max(0, self.size + self.extra - self.held)


def forecast(volume: Volume, ledger: Ledger, live: str) -> Forecast:
    """Tell what the next load needs: the last load, and by how much loads grew, or else the live snapshot."""
    loads = [entry for entry in ledger.entries if entry.state == LOADED and _bytes(entry.detail)]
    loads = loads[-_LOOKED_AT:]
    held = measure(volume.ingest).bytes
    if not loads:
        found = measure(volume.snapshot(live)) if live else TreeSize(0, 0, 0)
        how = f"the live snapshot has {shown_bytes(found.bytes)}" if live else "nothing was loaded yet"
        return _forecast(found.bytes, found.largest, _LEAST, held, how)
    sizes = [_bytes(entry.detail) for entry in loads]
    grown = max((after / before for before, after in zip(sizes, sizes[1:])), default=0)
    last = loads[-1]
    how = f"the last load, {last.snapshot}, has {shown_bytes(sizes[-1])}"
    if live and live != last.snapshot and (entry := ledger.load(live)) and _bytes(entry.detail) > sizes[-1]:
        last, how = entry, f"the live snapshot, {live}, has {shown_bytes(_bytes(entry.detail))}"
    largest = int(last.detail.get("largest") or _bytes(last.detail) // 10)
    return _forecast(_bytes(last.detail), largest, min(_MOST, max(_LEAST, grown)), held, how)


def _forecast(size: int, largest: int, growth: float, held: int, how: str) -> Forecast:
    if not size:
        return Forecast(0, 0, held, how)
    grown = int(size * growth)
    wal = min(grown, max(_GIB, min(64 * _GIB, grown // _WAL_SHARE)))
    extra = wal + int(largest * growth)
    how += f", taken to grow by {growth - 1:.0%}, with {shown_bytes(extra)} on top for WAL and sorting"
    if held:
        how += f", less {shown_bytes(held)} that ingest has now"
    return Forecast(grown, extra, held, how)


def _bytes(detail: object) -> int:
    value = detail.get("bytes") if isinstance(detail, dict) else None
    return value if isinstance(value, int) and value > 0 else 0
