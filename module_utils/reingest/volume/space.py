"""Whether another load has room on the volume."""

from __future__ import annotations

from ..errors import Refusal
from .info import tree_bytes
from .layout import Volume
from .prune import free_bytes

_GROWTH = 1.1  # the next release is taken to be at most this much larger than the live one


def refuse_full(volume: Volume, min_free: int) -> None:
    """Refuse a run that would not have the room for its load.

    Args:
        volume: the volume.
        min_free: bytes that must be free in any case.

    Raises:
        Refusal: less is free than ``min_free``, or than the live snapshot's size with a tenth on top.
    """
    live = volume.live()
    size = tree_bytes(volume.snapshot(live)) if live else 0
    needed, free = max(min_free, int(size * _GROWTH)), free_bytes(volume.root)
    if free < needed:
        raise Refusal(
            f"{volume.root} has {shown_bytes(free)} free, the next load needs {shown_bytes(needed)} "
            f"(reingest_min_free {shown_bytes(min_free)}, the live snapshot has {shown_bytes(size)}): prune "
            "with a smaller reingest_keep, or enlarge the volume"
        )


def shown_bytes(count: int) -> str:
    """Return a number of bytes as a person reads it, in powers of 1024."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"
