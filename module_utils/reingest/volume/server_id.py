"""A server's system identifier, by which its records are named."""

from __future__ import annotations

from pathlib import Path

from ..errors import Refusal
from ..postgres.control import read_control


def is_identifier(text: str) -> bool:
    """Return whether a text is one."""
    return text.isdecimal() and text.isascii()


def server_in(directory: Path) -> str:
    """Return that of a data directory; empty where there is none, or a damaged one."""
    try:
        return read_control(directory).system_identifier
    except (Refusal, OSError):
        return ""
