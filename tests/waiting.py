"""Wait for what happens in another process: by asking again and again, with a limit."""

from __future__ import annotations

import time

PAUSE_S = 0.02


def wait_for(condition, what="", *, seconds=60, pause=PAUSE_S):
    """Wait until ``condition()`` is true and return what it gave; ``what`` tells what never came, a text or a function of none."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            told = what() if callable(what) else what
            raise AssertionError(f"in {seconds} s not: {told or condition}")
        time.sleep(pause)
    return found
