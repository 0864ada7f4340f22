"""What a report tells of refused rows holds nothing of the rows."""

from __future__ import annotations

import pytest

from plugins.module_utils.reingest.reporting.withheld import reason_alone, told_alone


@pytest.mark.parametrize(
    ("reason", "value", "told"),
    [
        (
            'invalid input syntax for type double precision: "north"',
            "north",
            'invalid input syntax for type double precision: "..."',
        ),
        (
            'invalid input value for enum mood: "so "so" secret"',
            'so "so" secret',
            'invalid input value for enum mood: "..."',
        ),
        (
            'null value in column "name" of relation "study" violates not-null constraint',
            None,
            'null value in column "name" of relation "study" violates not-null constraint',
        ),
        (
            'unique constraint "study_pkey"; Key (id)=(a (secret) b) already exists.',
            {"id": "a (secret) b"},
            'unique constraint "study_pkey"; Key (id)=(...) already exists.',
        ),
        ("the key 'secret' is there twice", "{}", "the key '...' is there twice"),
        ("the number 1e999 is too large", "1e999", "the number ... is too large"),
        (
            "a trigger says Jane Doe is 42",
            {"name": "Jane Doe", "ages": [42, None]},
            "a trigger says ... is ...",
        ),
        ("names a row of study that does not exist", "s-1", "names a row of study that does not exist"),
    ],
)
def test_a_reason_stays_and_the_value_goes(reason, value, told):
    assert reason_alone(reason, value) == told


def test_a_value_that_quotes_a_name_of_the_schema_goes_whole():
    reason = 'invalid input syntax for type json: "x column "secret" y"'
    assert "secret" not in reason_alone(reason)


def test_a_failure_keeps_its_place_and_loses_the_row():
    failure = (
        "Load on worker: 2 findings:\n"
        "- /d/s.csv:7: table study, column city: 'Ge\\'neva': too long for type \"x\"; correct the source\n"
        "- run it again with -e 'x=1'"
    )
    told = told_alone(failure)
    assert "neva" not in told
    assert "/d/s.csv:7: table study, column city: (value left out): too long for type" in told
    assert told.splitlines()[0] == failure.splitlines()[0]
    assert told.splitlines()[2] == failure.splitlines()[2]


def test_a_failure_that_tells_of_no_row_is_as_it_was():
    failure = "Start db on db: the server 'db' at 127.0.0.1:5432 does not answer: see \"db.log\""
    assert told_alone(failure) == failure
