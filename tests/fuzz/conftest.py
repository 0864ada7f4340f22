"""What guards each example: what it may raise, and how long it may take."""

from __future__ import annotations

import signal
from contextlib import contextmanager

import pytest

MOST_S = 5  # of processor time for one example, which takes a millisecond: more is a hang


def _hangs(*_):
    raise RuntimeError(f"took more than {MOST_S} s of processor time")


@pytest.fixture(scope="session")
def only():
    """Return ``only(*errors)``: within it these may be raised, nothing else, and nothing takes long."""

    @contextmanager
    def guard(*errors):
        before = signal.signal(signal.SIGPROF, _hangs)
        signal.setitimer(signal.ITIMER_PROF, MOST_S)
        try:
            yield
        except errors:
            pass
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, before)

    return guard


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder that all the examples of a property share."""
    return tmp_path_factory.mktemp("fuzz")
