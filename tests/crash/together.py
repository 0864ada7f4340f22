"""Two verbs at once: one wins, the other is refused or finds its work done, and the volume is whole."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass

from crash.check import describe, invariant
from crash.module import Verb, claim, ended, promote, prune, recover, release
from crash.trial import Outcome
from crash.volumes import BAD, NEXT, OLD, A, B, C, open_window, remove_volume

from plugins.module_utils.reingest.volume import ledger as ledger_file
from plugins.module_utils.reingest.volume.layout import Volume
from plugins.module_utils.reingest.volume.ledger import read_ledger

STEP = 0.0004  # seconds by which the second one begins later, or earlier, from round to round
SHIFTS = 60  # so that one begins in every part of the other, which takes some 20 ms


@dataclass(frozen=True)
class Meeting:
    """Two verbs on one volume, and what must come of it."""

    name: str
    base: str
    verbs: tuple[Verb, Verb]
    allowed: tuple[str, ...]
    judge: Callable  # (volume, answers) -> what is wrong
    keeps: tuple[str, ...] = (A, B)
    free: bool = False  # no run has the volume
    window: tuple[str, str] | None = None  # the first run's is open, see ``operations``
    then: tuple[Verb, ...] = ()  # afterwards, one by one


def meet(templates, meeting, number, work):
    """Let them meet once; ``number`` decides who begins how much earlier."""
    volume = templates.copy(meeting.base, work / "met")
    if meeting.free:
        _must(release(BAD), volume)
    if meeting.window is not None:
        open_window(volume, BAD, *meeting.window)
    answers = at_once(volume, meeting.verbs, shift=(number % SHIFTS - SHIFTS // 2) * STEP)
    wrong = [f"no clear answer: {answer.text[-300:]}" for answer in answers if answer.result is None]
    for verb in meeting.then:
        answer = verb.call(volume)
        if not answer.succeeded:
            wrong.append(f"{verb.module} afterwards: {answer.refused or answer.text}")
    wrong = wrong or meeting.judge(volume, answers)
    wrong += invariant(templates, volume, meeting.allowed, keeps=meeting.keeps)
    found = describe(volume)
    left = (".new", "journal", "window.json")
    leftovers = [name for name in found["records"] + found["host"] if any(word in name for word in left)]
    wrong += [f"{name} is left over" for name in leftovers]
    remove_volume(volume)
    return Outcome(meeting.name, "at once", f"round {number}", tuple(wrong))


def at_once(volume, verbs, *, shift):
    """Run two verbs at the same time, the second ``shift`` seconds later (earlier where it is negative)."""
    told, tell = os.pipe()
    outs = [tempfile.TemporaryFile() for _ in verbs]  # noqa: SIM115 - closed below
    delays = (max(0.0, -shift), max(0.0, shift))
    children = []
    for verb, out, delay in zip(verbs, outs, delays):

        def begin(delay=delay):
            os.close(tell)
            os.read(told, 1)  # ends when the parent closes its end
            end = time.monotonic() + delay
            while time.monotonic() < end:
                pass

        children.append(verb.start(volume, out, begin))
    os.close(told)
    os.close(tell)
    answers = [ended(child, out) for child, out in zip(children, outs)]
    for out in outs:
        out.close()
    return answers


def _must(verb, volume):
    answer = verb.call(volume)
    if not answer.succeeded:
        raise AssertionError(f"{verb}: {answer.text}")


def _one_won(volume, answers):
    won = [answer for answer in answers if answer.succeeded]
    lost = [answer.refused for answer in answers if answer.refused]
    if len(won) != 1 or len(lost) != 1:
        return [f"{len(won)} were let through"]
    return [] if "is held by run" in lost[0] else [f"not told who has the volume: {lost[0]}"]


def _only_the_holder_promoted(volume, answers):
    return _one_won(volume, answers) + _became_live_once(volume, B)


def _done_once(volume, answers):
    changed = [answer.result.get("changed") for answer in answers]
    wrong = [] if sorted(changed) == [False, True] else [f"changed is {changed}"]
    return wrong + _all_succeeded(volume, answers) + _became_live_once(volume, B)


def _all_succeeded(volume, answers):
    return [f"refused: {answer.refused or answer.text}" for answer in answers if not answer.succeeded]


def _in_time_or_refused(volume, answers):
    """The promotion comes first and is brought to its end, or finds its window closed."""
    promoted, recovered = answers
    wrong = [] if recovered.succeeded else [f"not recovered: {recovered.refused}"]
    if promoted.succeeded:
        return wrong + _became_live_once(volume, B)
    refused = "the window of run" in promoted.refused and "was closed by" in promoted.refused
    return wrong if refused and Volume(volume).live() == A else [*wrong, f"not told why: {promoted.refused}"]


def _became_live_once(volume, snapshot):
    entries = read_ledger(Volume(volume)).entries
    times = sum(1 for entry in entries if (entry.state, entry.snapshot) == (ledger_file.LIVE, snapshot))
    return [] if times == 1 else [f"{snapshot} became live {times} times"]


def _both_done(volume, answers):
    wrong = _all_succeeded(volume, answers) + _became_live_once(volume, C)
    left = [snapshot for snapshot in OLD if Volume(volume).snapshot(snapshot).exists()]
    return wrong + [f"{snapshot} was not pruned" for snapshot in left]


def _taken_over(volume, answers):
    wrong = [] if answers[1].succeeded else [f"not taken over: {answers[1].refused}"]
    held = answers[0].succeeded or "is held by run" in answers[0].refused
    return wrong + ([] if held else [answers[0].refused]) + _became_live_once(volume, B)


MEETINGS = (
    Meeting("claim beside claim", "loaded", (claim(NEXT), claim("other")), (A,), _one_won, free=True),
    Meeting(
        "promote beside promote of another run",
        "loaded",
        (promote(BAD, B), promote(NEXT, B)),
        (B,),
        _only_the_holder_promoted,
    ),
    Meeting(
        "the same run twice", "loaded", (promote(BAD, loaded=B), promote(BAD, loaded=B)), (B,), _done_once
    ),
    Meeting("promote beside recover", "loaded", (promote(BAD, loaded=B), recover(BAD)), (B,), _all_succeeded),
    Meeting(
        "promote beside recover of its window",
        "loaded",
        (promote(BAD, loaded=B, window=True), recover(BAD)),
        (A, B),
        _in_time_or_refused,
        window=(B, A),
    ),
    Meeting(
        "promote beside prune",
        "many loaded",
        (promote(BAD, loaded=C), prune(BAD)),
        (C,),
        _both_done,
        keeps=(B, C),
    ),
    Meeting(
        "promote beside a take-over",
        "loaded",
        (promote(BAD, loaded=B), claim(NEXT, take_over=BAD)),
        (B,),
        _taken_over,
        then=(recover(NEXT), promote(NEXT, B), release(NEXT)),
    ),
)
