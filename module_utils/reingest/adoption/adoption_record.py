"""Which snapshot a real ``prod`` directory is becoming, written before it moves: a kill is no end."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import Refusal
from ..fs.durable import sync_directory, write_json
from ..promotion.journal import Place, lies_at
from ..volume.layout import Volume

VERSION = 1


@dataclass(frozen=True)
class Adopting:
    """The id that was chosen, and the directory that gets it."""

    snapshot: str
    place: Place
    version: int = VERSION

    def lies_at(self, path: Path) -> bool:
        """Return whether the directory lies at the path."""
        return lies_at(self.place, path)


def read_adopting(volume: Volume) -> Adopting | None:
    """Return what a run has begun; None where nothing is.

    Raises:
        Refusal: the file cannot be read.
    """
    try:
        raw = json.loads(volume.adopting.read_text(encoding="utf-8"))
        return Adopting(raw["snapshot"], Place(**raw["place"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        # It is replaced as a whole, so no crash of ours leaves half of it.
        raise Refusal(
            f"{volume.adopting} is damaged: look at where prod leads, then delete that file"
        ) from None


def open_adopting(volume: Volume, adopting: Adopting) -> None:
    """Write it down, durably."""
    write_json(volume.adopting, asdict(adopting))


def close_adopting(volume: Volume) -> None:
    """Say that it is done."""
    if volume.adopting.exists():
        volume.adopting.unlink()
        sync_directory(volume.records)
