"""One run has the volume at a time, and a run that lost it cannot go on."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
from contextlib import contextmanager
from dataclasses import replace

import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.volume.lock import Claim, check_run, claim, holder, release, verb, worker

OPERATOR = "0000-0002-1825-0097"
SINCE = "2026-11-23T11:45:00+00:00"


def run(name):
    return Claim(name, OPERATOR, "controller/boot", 4711, "100", SINCE, renewed=SINCE)


def test_a_claim_is_had_once_and_is_the_runs_own(site):
    for _ in range(2):
        assert claim(site.volume, run("one")) is None
        assert holder(site.volume) == run("one")


def test_a_second_run_is_told_who_has_it(site):
    claim(site.volume, run("one"))
    with pytest.raises(Refusal) as refused:
        claim(site.volume, run("two"))
    for fact in (
        "run one",
        OPERATOR,
        "since 2026-11-23",
        "process 4711 on controller",
        "reingest_take_over=one",
    ):
        assert fact in str(refused.value)
    assert holder(site.volume).run == "one"


def test_a_dead_runs_claim_is_taken_over_by_its_name_only(site):
    claim(site.volume, run("one"))
    with pytest.raises(Refusal):
        claim(site.volume, run("two"), take_over="three")
    assert claim(site.volume, run("two"), take_over="one").run == "one"
    assert holder(site.volume).run == "two"


def test_it_is_given_back_by_its_own_run_only(site):
    claim(site.volume, run("one"))
    assert not release(site.volume, "two")
    assert release(site.volume, "one")
    assert not release(site.volume, "one")
    assert claim(site.volume, run("two")) is None


def test_a_verb_of_another_run_is_refused(site):
    claim(site.volume, run("one"))
    with verb(site.volume, "one"):
        pass
    with pytest.raises(Refusal, match="held by run one"), verb(site.volume, "two"):
        pass


def test_a_run_that_was_taken_over_cannot_go_on(site):
    claim(site.volume, run("one"))
    claim(site.volume, run("two"), take_over="one")
    with pytest.raises(Refusal, match="held by run two"):
        check_run(site.volume, "one")


def _try(volume, name, take_over, gate, won):
    gate.wait()
    try:
        claim(volume, run(name), take_over=take_over)
        won.put(name)
    except Refusal:
        won.put("")


@pytest.mark.parametrize("take_over", ["", "dead"])
def test_of_many_claims_at_once_one_succeeds(site, take_over):
    if take_over:
        claim(site.volume, run(take_over))
    context = multiprocessing.get_context("fork")
    gate, won = context.Barrier(8), context.SimpleQueue()
    runs = [
        context.Process(target=_try, args=(site.volume, f"run-{number}", take_over, gate, won))
        for number in range(8)
    ]
    for process in runs:
        process.start()
    for process in runs:
        process.join()
        assert process.exitcode == 0
    winners = [name for name in (won.get() for _ in runs) if name]
    assert winners == [holder(site.volume).run]


def test_a_verb_without_a_claim_is_refused(site):
    with pytest.raises(Refusal, match=r"run one does not have the volume .* start a new run"):
        check_run(site.volume, "one")
    claim(site.volume, run("one"))
    release(site.volume, "one")
    with pytest.raises(Refusal, match="presumed dead"), verb(site.volume, "one"):
        pass
    check_run(site.volume, "one", dry=True)


def test_a_dry_run_is_not_refused_for_the_claim_of_a_dead_run_that_it_would_take_over(site):
    claim(site.volume, run("dead"))
    check_run(site.volume, "one", dry=True)
    with pytest.raises(Refusal, match="held by run dead"):
        check_run(site.volume, "one")


def test_each_verb_renews_the_claim_and_says_what_it_does(site):
    claim(site.volume, run("one"))
    with verb(site.volume, "one", phase="promotes"):
        assert worker(site.volume).pid == os.getpid()
        with pytest.raises(Refusal, match="now: promotes"):
            claim(site.volume, run("two"))
    assert worker(site.volume) is None
    assert holder(site.volume).renewed > SINCE


def test_an_old_claim_is_taken_over_unless_one_of_its_verbs_works(site):
    claim(site.volume, run("one"))
    with pytest.raises(Refusal, match=r"after .* without a sign of life .reingest_claim_age."):
        claim(site.volume, run("two"), age=1e9)
    with verb_lock_held(site.volume), pytest.raises(Refusal, match="held by run one"):
        claim(site.volume, run("two"), age=60)
    assert claim(site.volume, run("two"), age=60).run == "one"


def test_a_clock_that_went_backwards_keeps_a_claim(site):
    claim(site.volume, replace(run("one"), since="2999-01-01T00:00:00+00:00"))
    with pytest.raises(Refusal, match="held by run one"):
        claim(site.volume, run("two"), age=60)


def test_a_damaged_claim_is_replaced_and_one_of_a_later_version_is_not(site):
    claim(site.volume, run("one"))
    site.volume.claim.write_text("{")
    with pytest.raises(Refusal, match="its claim file is damaged"):
        check_run(site.volume, "one")
    claim(site.volume, run("two"), age=60)
    assert holder(site.volume).run == "two"
    site.volume.claim.write_text('{"version": 2}')
    with pytest.raises(Refusal, match="is of version 2"):
        claim(site.volume, run("three"), age=60)


def test_what_the_file_system_refuses_is_told_with_its_path(site):
    claim(site.volume, run("one"))
    refused = pytest.raises(
        Refusal, match=r"gone cannot be changed .No such file or directory.: correct that"
    )
    with refused, verb(site.volume, "one"):
        (site.volume.root / "gone").rmdir()


@contextmanager
def verb_lock_held(volume):
    (volume.records / "verb.lock").touch()
    with (volume.records / "verb.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def test_a_verb_started_twice_runs_once_at_a_time(site):
    claim(site.volume, run("one"))
    context = multiprocessing.get_context("fork")
    inside, leave = context.Event(), context.Event()

    def first():
        with verb(site.volume, "one"):
            inside.set()
            leave.wait()
            (site.volume.root / "first").touch()

    process = context.Process(target=first)
    process.start()
    assert inside.wait(20)
    leave.set()
    with verb(site.volume, "one"):
        assert (site.volume.root / "first").exists()
    process.join()


@pytest.mark.attack
@pytest.mark.parametrize("name", ["{{ lookup('pipe', 'id') }}", "x y", "$(id)", "a\nb", "", "../x", "-e"])
def test_a_claim_that_names_no_run_puts_nothing_of_it_into_a_command_and_can_be_taken_over(site, name):
    claim(site.volume, run(name))
    with pytest.raises(Refusal) as refused:
        claim(site.volume, run("two"))
    assert str(refused.value).endswith("-e reingest_take_over=unknown")
    assert claim(site.volume, run("two"), take_over="unknown").run == "unknown"
    with pytest.raises(Refusal, match=r"reingest_take_over=two$"):
        claim(site.volume, run("three"), take_over="unknown")
