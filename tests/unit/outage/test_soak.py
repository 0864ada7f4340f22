"""A portal that is watched: errors count at once, latency once it is warm."""

from __future__ import annotations

import time

import pytest
from unit.outage.portal import serving

from plugins.module_utils.reingest.outage.soak import Limits, Seen, soak


@pytest.fixture
def portal():
    with serving() as found:
        yield found


def quick(_):
    """Wait a tenth of what is asked for."""
    time.sleep(0.02)


def test_a_portal_that_serves_is_good_enough(portal):
    limits = Limits(latency=2, warm=0)
    seen = soak(portal.url, 0.3, limits, sleep=quick)
    assert seen.asked > 2
    assert seen.worse(limits) == ""
    assert "none failed, 19 of 20 answers were there in" in seen.told()


def test_a_failure_ends_it_at_once_and_some_may_be_allowed(portal):
    portal.status = 500
    began = time.monotonic()
    seen = soak(portal.url, 60, Limits(errors=2), sleep=quick)
    assert time.monotonic() - began < 20
    assert seen.asked == 3
    assert seen.worse(Limits(errors=2)).startswith("3 of 3 requests failed, and 2 may (")
    assert "500" in seen.worse(Limits(errors=2))
    assert Seen(asked=9, failed=["x", "y"]).worse(Limits(errors=2)) == ""


def test_latency_counts_where_it_is_declared_and_once_the_portal_is_warm(portal):
    portal.wait = 0.05
    slow = Limits(latency=0.02, warm=0)
    assert "20 ms is the limit" in soak(portal.url, 0.3, slow, sleep=quick).worse(slow)
    cold = Limits(latency=0.02, warm=60)
    assert soak(portal.url, 0.3, cold, sleep=quick).worse(cold) == ""
    assert soak(portal.url, 0.3, Limits(), sleep=quick).worse(Limits()) == ""


def test_one_slow_answer_of_many_is_no_reason():
    seen = Seen(asked=100, latencies=[0.01] * 98 + [5.0] * 2)
    assert seen.worse(Limits(latency=0.5)) == ""
    seen.latencies += [5.0] * 10
    assert seen.worse(Limits(latency=0.5))


def test_a_portal_that_is_not_there_has_failed(portal):
    seen = soak("http://127.0.0.1:9/", 60, Limits())
    assert seen.asked == 1
    assert seen.worse(Limits())


def test_it_asks_as_the_prober_does(portal):
    portal.location = "/elsewhere"
    assert not soak(portal.url, 0.1, Limits(), sleep=quick).failed
    portal.location = f"http://localhost:{portal.port}/"
    assert soak(portal.url, 60, Limits()).failed == ["it redirects to another host, localhost"]


def test_an_answer_that_takes_longer_than_the_time_out_has_failed(portal):
    portal.wait = 5.0
    began = time.monotonic()
    seen = soak(portal.url, 60, Limits(timeout=0.2))
    assert seen.failed == ["no whole answer within 0.2 s"]
    assert time.monotonic() - began < 4
