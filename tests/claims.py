"""Claims of a volume for the tests: verbs work only for the run that has it."""

from __future__ import annotations

from plugins.module_utils.reingest.volume.lock import Claim, claim, holder

OPERATOR = "0000-0002-1825-0097"
SINCE = "2026-11-23T12:00:00+00:00"


def claim_for(volume, run):
    """Give the volume to a run, whoever has it."""
    now = holder(volume)
    claim(volume, Claim(run, OPERATOR, "here/boot", 1, "1", SINCE), take_over=now.run if now else "")
