"""Which boot of the machine this is."""

from __future__ import annotations

from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """Return the id that the kernel gave to this boot of the machine, the same in all its containers."""
    return _BOOT.read_text(encoding="ascii").strip()
