"""Wait for what happens in another process: by asking again and again, with a limit."""

from __future__ import annotations

import time

PAUSE_S = 0.02


def wait_for(condition, what="", *, seconds=60, pause=PAUSE_S):
    """Wait until ``condition()`` is true and return what it gave.

    Args:
        condition: Asked again and again.
        what: What is waited for, said where it never comes; a text, or a function that returns one.
        seconds: How long at most.
        pause: Seconds from one question to the next.

    Raises:
        AssertionError: It never came.
    """
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            told = what() if callable(what) else what
            raise AssertionError(f"in {seconds} s not: {told or condition}")
        time.sleep(pause)
    return found
