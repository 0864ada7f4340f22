"""What a run did on a host is told by its file there, also of a killed run; a dry run leaves nothing."""

from __future__ import annotations

from plugins.module_utils.reingest.runs.steps import (
    Predicted,
    StepClock,
    append_step,
    forget_dry_run,
    predicted,
    read_steps,
    told_steps,
)


def step(stage="load", *did):
    return StepClock(stage).step(did, changed=bool(did))


def test_steps_are_read_in_their_order_and_a_line_that_was_cut_short_is_passed_over(tmp_path):
    append_step(tmp_path, "run-1", step("preflight"))
    append_step(tmp_path, "run-1", step("load", "load study"))
    append_step(tmp_path, "run-2", step("prune"))
    with (tmp_path / "run-1/steps.jsonl").open("a") as file:
        file.write('{"stage": "swi')
    assert [(one["stage"], one["did"]) for one in told_steps(tmp_path, "run-1")] == [
        ("preflight", []),
        ("load", ["load study"]),
    ]


def test_a_run_without_steps_on_this_host_has_none(tmp_path):
    assert read_steps(tmp_path, "run-1") == []


def test_what_steps_of_a_dry_run_bring_is_put_together_and_the_later_one_counts(tmp_path):
    append_step(tmp_path, "dry", step(), Predicted(services={"db": "started", "portal": "started"}))
    append_step(tmp_path, "dry", step(), Predicted(services={"db": "stopped"}, loading=True))
    append_step(tmp_path, "dry", step(), Predicted(live="20261101T000000Z"))
    assert predicted(read_steps(tmp_path, "dry")) == Predicted(
        services={"db": "stopped", "portal": "started"}, live="20261101T000000Z", loading=True
    )
    assert "predicts" not in told_steps(tmp_path, "dry")[0]


def test_the_end_of_a_dry_run_leaves_what_was_there_before(tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    append_step(work, "dry", step(), Predicted())
    forget_dry_run(work, "dry")
    assert list(work.iterdir()) == []


def test_the_end_of_a_dry_run_takes_a_directory_away_that_it_made(tmp_path):
    append_step(tmp_path / "work", "dry", step(), Predicted())
    forget_dry_run(tmp_path / "work", "dry")
    assert list(tmp_path.iterdir()) == []
