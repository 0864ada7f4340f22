"""How much is tried: a little in `make test`, on and on in `make fuzz` (tests/fuzz/__main__.py)."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, settings

EXAMPLES = int(os.environ.get("REINGEST_FUZZ_EXAMPLES", "25"))
MOST_S = 5  # of processor time for one example, which takes a millisecond: more is a hang

settings.register_profile(
    "fuzz",
    max_examples=EXAMPLES,
    deadline=None,  # this machine may be busy; MOST_S counts what the example takes itself
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="session", autouse=True)
def _profile():
    before = settings.get_current_profile_name()
    settings.load_profile("fuzz")
    yield
    settings.load_profile(before)


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
