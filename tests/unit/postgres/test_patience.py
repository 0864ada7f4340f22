"""Sessions of a load are ended by no timeout, and messages show the connection string as it was given."""

from __future__ import annotations

import pytest
from psycopg2.extensions import parse_dsn

from plugins.module_utils.reingest.postgres.dsn import shown
from plugins.module_utils.reingest.postgres.patience import as_given, patient

TIMEOUTS = (
    "statement_timeout",
    "lock_timeout",
    "idle_session_timeout",
    "idle_in_transaction_session_timeout",
)


@pytest.mark.parametrize(
    "dsn", ["postgresql://me:secret@host:5/db", "host=host port=5 user=me options='-c a.b=1'"]
)
def test_all_timeouts_are_off_behind_what_the_string_sets_itself(dsn):
    made = patient(dsn)
    own = parse_dsn(dsn).get("options", "")
    words = parse_dsn(made)["options"]
    assert words.startswith(own)
    assert all(f"-c {name}=0" in words for name in TIMEOUTS)
    assert patient(made) == made
    assert parse_dsn(as_given(made)) == parse_dsn(dsn)
    assert "timeout" not in shown(made)
    assert "secret" not in shown(made)


def test_a_string_that_libpq_does_not_read_is_left_to_who_opens_it():
    assert patient("no string") == "no string"
