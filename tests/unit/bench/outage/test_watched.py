"""What the benchmark's prober and readers see of a portal that goes away and comes back."""

from __future__ import annotations

import time

import pytest
from bench.outage import watched
from bench.outage.watched import Request, Seen, Watch
from unit.outage.portal import serving


def test_the_outage_is_between_the_ends_of_two_good_answers_and_failures_are_the_readers():
    probes = (Request(0, 1, True), Request(1, 1.5, False), Request(2, 4, True), Request(4, 5, True))
    reads = (Request(0, 0.25, True), Request(1, 2, False), Request(3, 3.5, True))
    seen = Seen(probes, reads)
    assert seen.gap == (1, 4)
    assert seen.figures() == {
        "outage_s": 3,
        "failed": 1,
        "worst_ms": 500.0,
        "reads": 3,
        "failed_probes": 1,
    }


def test_a_portal_that_is_stopped_is_seen_from_outside(monkeypatch):
    monkeypatch.setattr(watched, "READ_TIMEOUT_S", 2.0)
    with serving() as portal:
        port = portal.port
        watch = Watch(portal.url, portal.url)
        time.sleep(0.3)
    stopped = time.monotonic()
    time.sleep(0.4)
    with serving(port):
        started = time.monotonic()
        time.sleep(0.5)
        seen = watch.seen()
    figures = seen.figures()
    assert figures["outage_s"] == pytest.approx(started - stopped, abs=1.0)
    assert figures["failed"] > 5
    assert figures["reads"] == pytest.approx(50 * 1.2, rel=0.5)  # so many a second, whatever they take
    assert seen.gap[0] < started < seen.gap[1] + 0.1
