"""The engines that reingest knows: each is one line here, and one folder beside this file."""

from __future__ import annotations

from pathlib import Path

from ..errors import Refusal
from .docker.kind import Docker
from .kind import Kind
from .model import Engine
from .process.kind import Process

KINDS: tuple[Kind, ...] = (Docker(), Process())
ENGINE_NAMES = tuple(kind.name for kind in KINDS)
UNITS = tuple(unit for kind in KINDS for unit in kind.units)


def engine_of(name: str, records: Path) -> Engine:
    """Return the engine of that name.

    Args:
        name: as in the inventory.
        records: the folder where the engine keeps what it must remember of services.

    Raises:
        Refusal: there is no such engine.
    """
    for kind in KINDS:
        if kind.name == name:
            return kind.engine(records)
    raise Refusal(
        f"there is no engine {name!r} (there are: {', '.join(ENGINE_NAMES)}): correct reingest_engine"
    )


def load_engines() -> None:
    """Import the code of all engines now, see ``Kind.load``."""
    for kind in KINDS:
        kind.load()
