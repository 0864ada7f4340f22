"""What is on disk before the next step of a promotion begins: the documented order, in its system calls."""

from __future__ import annotations

import pytest

# Each step once, or the one of that number, and between two of them what must be synced meanwhile.
JOURNAL_WRITTEN = ("renameat", '</.reingest>, "journal.json"')
MOVED = ("renameat2", '</>, "ingest"')
COMMITTED = ("renameat", '</>, ".prod.new", N</>, "prod"')
TOLD_THE_LEDGER = ("write", "/.reingest/ledger.jsonl>")
JOURNAL_GONE = ("unlinkat", '</.reingest>, "journal.json"')
TOLD_THE_CONTROLLER = ("write", "1<the result>")
REASON_WRITTEN = ("renameat", '<.services>, ".window.json.new"')
NOTE_GONE = ("unlinkat", '</.reingest>, "window.json"')
WINDOW_GONE = ("unlinkat", '<.services>, "window.json"')
RECORDS, STAGING, ROOT, LEDGER, HOST = (
    "</.reingest>",
    "</staging>",
    "</>",
    "/.reingest/ledger.jsonl>",
    "<.services>",
)

ORDERS = {
    "promote a load": [
        (
            ("renameat", '</.reingest>, "claim.json"'),
            ["</ingest/global>", "</ingest>", "/.reingest/.journal.json.new>"],
        ),
        (JOURNAL_WRITTEN, [RECORDS]),
        (MOVED, [STAGING, ROOT]),
        (COMMITTED, [ROOT]),
        (TOLD_THE_LEDGER, [LEDGER]),
        (JOURNAL_GONE, [RECORDS]),
        (TOLD_THE_CONTROLLER, []),
    ],
    "promote a snapshot": [
        (JOURNAL_WRITTEN, [RECORDS]),
        (COMMITTED, [ROOT]),
        (TOLD_THE_LEDGER, [LEDGER]),
        (JOURNAL_GONE, [RECORDS]),
        (TOLD_THE_CONTROLLER, []),
    ],
    "recover: moved": [
        (MOVED, [STAGING, ROOT]),
        (JOURNAL_GONE, [RECORDS]),
        (NOTE_GONE, [RECORDS]),
        (WINDOW_GONE, [HOST]),
        (TOLD_THE_CONTROLLER, []),
    ],
    # The dead run may have died between the rename of prod and its sync.
    "recover: after the commit": [
        (("renameat", '</.reingest>, "claim.json"', 1), [ROOT]),
        ((*TOLD_THE_LEDGER, 1), [LEDGER]),
        (JOURNAL_GONE, [RECORDS]),
        ((*TOLD_THE_LEDGER, 2), [LEDGER]),  # that it is good
        (NOTE_GONE, [RECORDS]),
        (WINDOW_GONE, [HOST]),
        (TOLD_THE_CONTROLLER, []),
    ],
    # Why it is taken back comes first: whoever goes on takes it back, too.
    "undo: after the commit": [
        (REASON_WRITTEN, [HOST]),
        ((*TOLD_THE_LEDGER, 1), [LEDGER]),
        (JOURNAL_WRITTEN, [RECORDS]),
        (COMMITTED, [ROOT]),
        ((*TOLD_THE_LEDGER, 2), [LEDGER]),  # that it is bad
        (JOURNAL_GONE, [RECORDS]),
        (NOTE_GONE, [RECORDS]),
        (WINDOW_GONE, [HOST]),
        (TOLD_THE_CONTROLLER, []),
    ],
}


@pytest.mark.parametrize("name", ORDERS)
def test_each_step_is_on_disk_before_the_next(bench, name):
    points = bench.plans[name].points
    steps = [(position(points, step), synced) for step, synced in ORDERS[name]]
    assert [at for at, _ in steps] == sorted(at for at, _ in steps)
    for (begin, synced), (end, _) in zip(steps, steps[1:]):
        between = [point.shown for point in points[begin + 1 : end] if point.syncs]
        for folder in synced:
            assert any(folder in shown for shown in between), f"{folder} after {points[begin]}"


def test_the_move_and_the_commit_are_one_system_call_each(bench):
    changes = [point for point in bench.plans["promote a load"].points if point.call.startswith("rename")]
    of_ingest = [point for point in changes if '</>, "ingest"' in point.shown]
    assert [point.call for point in of_ingest] == ["renameat2"]
    assert "RENAME_EXCHANGE" in of_ingest[0].shown
    assert len([point for point in changes if '</>, "prod"' in point.shown]) == 1


def test_what_was_pruned_is_out_of_sight_before_a_file_goes(bench):
    points = bench.plans["prune"].points
    first = next(
        at
        for at, point in enumerate(points)
        if point.call in ("unlinkat", "rmdir") and "/trash" in point.shown
    )
    moved = [
        at for at, point in enumerate(points) if point.call == "renameat" and "</staging>" in point.shown
    ]
    synced = {point.shown.partition("<")[2] for point in points[max(moved) : first] if point.syncs}
    assert moved
    assert max(moved) < first
    assert synced >= {"/.reingest/trash>)", "/staging>)"}


def position(points, step):
    """Return where a step is; it is there once, unless it says which of several it is."""
    call, text, *number = step
    if text.startswith("("):  # the whole of what it is called with
        found = [at for at, point in enumerate(points) if point.call == call and point.shown == text[1:]]
    else:
        found = [at for at, point in enumerate(points) if point.call == call and text in point.shown]
    if number:
        return found[number[0] - 1]
    assert len(found) == 1, f"{step}: {[str(points[at]) for at in found]}"
    return found[0]
