"""A pooler that answers what no pooler does is refused with its place, in time, and nothing hangs on it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from attacker import within
from unit.poolers.hostile_pooler import END, SERVER, listening, row_of, rows
from unit.poolers.hostile_pooler import ENTRY as OPEN

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.poolers.console import console
from plugins.module_utils.reingest.poolers.faults import Needs, faults
from plugins.module_utils.reingest.poolers.hold import Patience, WayOut, hold, resume
from plugins.module_utils.reingest.poolers.keeper import kept
from plugins.module_utils.reingest.poolers.model import poolers_from
from plugins.module_utils.reingest.poolers.seen import entry, sessions

pytestmark = pytest.mark.attack

SECONDS = 0.5
ENTRY = {**OPEN, "pool_mode": "transaction", "paused": 1}


@pytest.fixture
def hostile():
    with listening() as pooler:
        pooler.answers["SHOW DATABASES"] = rows(ENTRY)
        yield pooler


def poolers(hostile):
    return poolers_from([hostile.raw], environment={}, home=Path("/nonexistent"))


def endless(client):
    """Answer rows for ever."""
    client.sendall(rows(ENTRY)[: -len(END)])
    while True:
        client.sendall(row_of(ENTRY.values()) * 100)


def test_an_answer_as_pgbouncer_gives_it_is_read(hostile):
    with console(poolers(hostile)[0], SECONDS) as at:
        assert entry(at, SECONDS).paused


def test_an_answer_without_end_is_given_up_in_time(hostile):
    hostile.answers["SHOW DATABASES"] = endless
    with within(10), pytest.raises(Refusal, match=r"SHOW DATABASES has no answer after 0\.5 s"):  # noqa: SIM117
        with console(poolers(hostile)[0], SECONDS) as at:
            entry(at, SECONDS)


@pytest.mark.parametrize(
    "wrong",
    [
        rows({"name": "portal"}),
        rows({**ENTRY, "port": None}),
        rows({**ENTRY, "port": "http"}),
        rows({**ENTRY, "paused": None}),
        rows({**ENTRY, "paused": "$(id)"}),
        rows({**ENTRY, "host": "h" * 100_000}),
        rows({**ENTRY, "name": b"\xff\xfe"}),
        rows({"x": "y"}),
    ],
    ids=["no columns", "no port", "no number", "no state", "a command", "too long", "no text", "another"],
)
def test_what_is_no_entry_is_refused_with_the_pooler_s_place(hostile, wrong):
    hostile.answers["SHOW DATABASES"] = wrong
    told = f"127.0.0.1:{hostile.port} does not answer SHOW DATABASES as PgBouncer does"
    for ask in (
        lambda: resume(poolers(hostile), SECONDS, patient=False).faults[0],
        lambda: faults(poolers(hostile), Needs(1), seconds=SECONDS)[0].text,
    ):
        assert told in ask()
    with pytest.raises(Refusal, match=told):
        hold(poolers(hostile), Patience(SECONDS, SECONDS, SECONDS), WayOut())


def test_who_keeps_clients_held_goes_on_whatever_a_pooler_answers(hostile):
    hostile.answers["SHOW DATABASES"] = rows({"x": "y"})
    with within(10), kept(poolers(hostile), Patience(SECONDS, SECONDS, SECONDS)) as found:
        while hostile.asked.count("SHOW DATABASES") < 3:
            pass
        assert "does not answer SHOW DATABASES as PgBouncer does" in found[0]


@pytest.mark.parametrize(
    ("servers", "clients"),
    [
        (rows({**SERVER, "remote_pid": "1; id"}), rows()),
        (rows({"database": "portal"}), rows()),
        (rows(SERVER), rows({"ptr": "0x1"})),
        (rows({**SERVER, "user": "u" * 100_000}), rows()),
        (rows(SERVER), rows({"x": "0x1"})),
    ],
    ids=["a command", "no columns", "no client", "too long", "no pointer"],
)
def test_what_is_no_session_is_refused(hostile, servers, clients):
    hostile.answers.update({"SHOW SERVERS": servers, "SHOW CLIENTS": clients})
    with console(poolers(hostile)[0], SECONDS) as at, pytest.raises(Refusal, match="as PgBouncer does"):
        sessions(at, SECONDS)


def test_what_is_no_setting_is_refused(hostile):
    hostile.answers["SHOW CONFIG"] = rows({"name": "pool_mode"})
    assert "does not answer SHOW CONFIG" in faults(poolers(hostile), Needs(1), seconds=SECONDS)[0].text


def test_a_password_goes_to_no_argument_and_into_no_message(hostile):
    raw = {**hostile.raw, "admin": f"{hostile.raw['admin']} password=only-for-the-console"}
    with pytest.raises(Refusal) as refused:
        poolers_from([raw], environment={}, home=Path("/nonexistent"))
    assert "only-for" not in json.dumps(str(refused.value))
