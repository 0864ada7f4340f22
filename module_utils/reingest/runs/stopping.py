"""What may be stopped of a run, and whose claim of the volume may be given back: for ``stop.yml``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import Refusal
from ..load.progress import Progress
from ..promotion.journal import read_intent
from ..volume.layout import Volume
from ..volume.lock import Claim, holder, refuse_held, release
from ..volume.run_id import told_run
from ..window.watchdog_claim import left_behind
from ..window.window_record import read_window

_REMEDY = "wait until it ends; where its run is dead, playbooks/recover.yml brings it to its end"


def refuse_in_switch(records: Path | None, volume: Volume | None) -> None:
    """Refuse to stop anything while a run is inside its switch on this host.

    Args:
        records: the folder of the host's window; None: the host has no part in a switch.
        volume: the volume; None on a host without it.

    Raises:
        Refusal: a window is open, or a promotion was begun and not completed; or nobody can tell.
    """
    window = read_window(records) if records is not None else None
    if window is not None:
        raise Refusal(
            f"run {window.run} of {window.operator} is inside its switch since {window.since}, which is not "
            f"stopped: {_REMEDY}"
        )
    intent = read_intent(volume) if volume is not None else None
    if intent is not None:
        raise Refusal(
            f"run {intent.run} of {intent.operator} has begun to promote {intent.snapshot}, which is not "
            f"stopped: {_REMEDY}"
        )


@dataclass(frozen=True)
class Claimed:
    """The claim of the volume as it was found."""

    now: Claim | None  # None: the volume is free
    gone: bool  # whether its run is gone, so that it may be given back

    def did(self) -> list[str]:
        """Return what giving it back does, a sentence; none where it stays."""
        if self.now is None or not self.gone:
            return []
        return [f"give the volume back that run {self.now.run} of {self.now.operator} held, which is gone"]

    def told(self) -> list[str]:
        """Return why it stays, a sentence; none where there is none, or it is given back."""
        if self.now is None or self.gone:
            return []
        return [
            f"run {self.now.run} of {self.now.operator} holds the volume lock (process {self.now.process} on "
            f"{self.now.controller.split('/')[0]}): it lives, and gives the volume back as it ends; where it "
            f"is dead, add -e reingest_take_over={told_run(self.now.run)}"
        ]


def claim_found(volume: Volume, *, dead: str = "", age: float = 0) -> Claimed:
    """Return the claim, and whether its run is gone.

    Args:
        volume: the volume.
        dead: the run that somebody knows to be dead: its controller, or the operator who names it.
        age: seconds without a sign of life after which a run is gone, when no verb of it works; 0: never.

    Raises:
        Refusal: the claim cannot be read.
    """
    now = holder(volume)
    if now is None:
        return Claimed(None, gone=False)
    try:
        refuse_held(volume, "", take_over=dead or left_behind(now), age=age)
    except Refusal:
        return Claimed(now, gone=False)
    return Claimed(now, gone=True)


def give_back(volume: Volume, found: Claimed) -> None:
    """Give the volume back where the claim's run is gone; a claim that changed meanwhile stays."""
    if found.now is not None and found.gone:
        release(volume, found.now.run)


def ends(load: Progress) -> str:
    """Return what ending a load does, a sentence: the same in a dry run."""
    return f"end the load of run {load.run} of {load.operator} (process {load.process}, {load.phase})"
