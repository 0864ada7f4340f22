"""One run has the volume at a time, and a run that lost it cannot go on."""

from __future__ import annotations

import multiprocessing

import pytest
from ansible.module_utils.reingest.errors import Refusal
from ansible.module_utils.reingest.volume.lock import Holder, check_run, claim, holder, release, verb

OPERATOR = "0000-0002-1825-0097"


def run(name):
    return Holder(name, OPERATOR, "controller/boot", 4711, "100", "2026-11-23T11:45:00+00:00")


def test_a_claim_is_had_once_and_is_the_runs_own(site):
    assert claim(site.volume, run("one"))
    assert not claim(site.volume, run("one"))
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
    assert claim(site.volume, run("two"), take_over="one")
    assert holder(site.volume).run == "two"


def test_it_is_given_back_by_its_own_run_only(site):
    claim(site.volume, run("one"))
    assert not release(site.volume, "two")
    assert release(site.volume, "one")
    assert not release(site.volume, "one")
    assert claim(site.volume, run("two"))


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


def test_a_verb_started_twice_runs_once_at_a_time(site):
    context = multiprocessing.get_context("fork")
    inside, leave = context.Event(), context.Event()

    def first():
        with verb(site.volume, "one"):
            inside.set()
            leave.wait()
            (site.volume.root / "first").touch()

    process = context.Process(target=first)
    process.start()
    inside.wait()
    leave.set()
    with verb(site.volume, "one"):
        assert (site.volume.root / "first").exists()
    process.join()
