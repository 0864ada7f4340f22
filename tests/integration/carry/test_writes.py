"""A sample of `make test-writes`: a portal is hammered and switched, something is killed, nothing is lost."""

from __future__ import annotations

from contextlib import closing

import psycopg2
import pytest
from tiers import full, sample
from waiting import wait_for
from writes import disturbance, playbooks
from writes.place import make_templates, programs_in_path
from writes.run import attempt

from plugins.module_utils.reingest.carry import carry_over, untouched
from plugins.module_utils.reingest.carry.fence import control_session, lift_fence

STEPS = {
    disturbance.MODULE: "Carry",
    disturbance.CONTROLLER: "Promote",
    disturbance.GROUP: "Carry",
    disturbance.PRODUCTION: "Start production",
    disturbance.STAGING: "Carry",
    disturbance.WATCHDOG: "Carry",
    disturbance.BOTH: "Stop the servers",
}


def told(result):
    return "\n".join([*result.lost[:5], *result.doubled[:5], *result.wrong[:5], *result.told])


@pytest.mark.parametrize("kind", sample(STEPS, disturbance.MODULE, disturbance.PRODUCTION))
def test_every_acknowledged_write_is_there_once_whatever_is_killed(templates, kind):
    result = attempt(templates, 101, kind=kind, step=STEPS[kind], portal=False, switches=1, together=True)
    assert result.sound, told(result)
    assert result.kills, told(result)
    assert result.acknowledged > 100, told(result)


@full
def test_a_portal_whose_users_go_on_loses_no_download_by_the_playbooks():
    kinds = (playbooks.CONTROLLER, playbooks.GROUP, playbooks.NOTHING)
    result = playbooks.attempt_by_playbooks(30, kinds=kinds)
    assert result.sound, told(result)
    assert result.acknowledged > 100, told(result)


@pytest.fixture(scope="module")
def templates_with_jobs():
    made = make_templates(jobs=True)
    with programs_in_path(made):
        yield made
    made.remove()


@pytest.mark.parametrize("kind", sample(STEPS, disturbance.GROUP))
def test_so_is_every_write_into_another_database(templates_with_jobs, kind):
    result = attempt(
        templates_with_jobs, 101, kind=kind, step=STEPS[kind], portal=False, switches=1, together=True
    )
    assert result.sound, told(result)
    assert result.kills, told(result)
    assert result.acknowledged > 100, told(result)


def test_a_carry_over_that_leaves_the_fence_out_is_found_to_lose_writes(templates, monkeypatch):
    """The checker can fail. The product's own proofs find it before: they are out of the way here."""
    carry = carry_over.carry_over

    def unfenced(volume, servers, **how):
        made = carry(volume, servers, **how)
        with closing(control_session(servers.production)) as control:
            lift_fence(control, servers.database)
        with closing(psycopg2.connect(servers.production)) as session:
            session.autocommit = True
            before = events(session)
            wait_for(lambda: events(session) > before + 3, "somebody writes", seconds=20)
        return made

    monkeypatch.setattr(carry_over, "carry_over", unfenced)
    monkeypatch.setattr(untouched, "untouched", lambda *_, **__: "")
    result = attempt(templates, 100, kind=disturbance.NOTHING, portal=False, switches=1)
    assert len(result.lost) > 0, told(result)
    assert result.doubled == []


def events(session):
    with session.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM event")
        return cursor.fetchone()[0]
