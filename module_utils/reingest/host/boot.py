"""Which machine this is, and which boot of it."""

from __future__ import annotations

import socket
from pathlib import Path

from .processes import started_at

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """Return the id that the kernel gave to this boot of the machine, the same in all its containers."""
    return _BOOT.read_text(encoding="ascii").strip()


def machine() -> str:
    """Return this machine and its boot, and which container of it: a process id of another means nothing."""
    boot = boot_id() if _BOOT.exists() else ""  # a controller may have none
    return f"{socket.gethostname()}/{boot}/{started_at(1) or ''}"
