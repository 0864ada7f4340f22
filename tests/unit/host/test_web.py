"""Who answers over HTTP may be in the wrong hands: nobody is kept waiting, and nobody is led elsewhere."""

from __future__ import annotations

import threading
import time

import pytest
from attacker import within
from unit.host.hostile_web import DEEP, ENDLESS, JSON, answering, at_once

from plugins.module_utils.reingest.engines.model import Health
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.external_loader import client as client_
from plugins.module_utils.reingest.external_loader.client import Client, Passing
from plugins.module_utils.reingest.external_loader.job import Job
from plugins.module_utils.reingest.host.web import leads_on
from plugins.module_utils.reingest.outage import request
from plugins.module_utils.reingest.outage.request import Target, ask
from plugins.module_utils.reingest.outage.soak import Limits, soak
from plugins.module_utils.reingest.services.health import answer

pytestmark = pytest.mark.attack
SECONDS = 0.3
TOKEN = "the-loaders-token"


@pytest.mark.parametrize("part", ENDLESS)
def test_a_service_whose_answer_never_ends_keeps_no_recovery_waiting(part):
    with answering(ENDLESS[part]) as web, within(10):
        assert web.url in answer(Health(http=web.url), SECONDS)


@pytest.mark.parametrize("part", ["header", "body"])
def test_a_portal_whose_answers_never_end_is_watched_no_longer_than_asked_for(part):
    with answering(ENDLESS[part]) as web, within(10):
        seen = soak(web.url, 2 * SECONDS, Limits(errors=9, timeout=SECONDS))
    assert len(seen.failed) == seen.asked > 0


@pytest.mark.parametrize("part", sorted(set(ENDLESS) - {"of an error"}))
def test_a_request_of_the_prober_leaves_no_thread_behind(part, monkeypatch):
    monkeypatch.setattr(request, "_LATER_S", 0.1)
    with answering(ENDLESS[part]) as web:
        before = set(threading.enumerate())
        assert not ask(Target(web.url, "", SECONDS)).good
        with within(10):
            while any(thread.name.endswith("(<lambda>)") for thread in set(threading.enumerate()) - before):
                time.sleep(0.01)


@pytest.mark.parametrize("part", ENDLESS)
def test_a_job_server_whose_answer_never_ends_is_given_up(part, monkeypatch):
    monkeypatch.setattr(client_, "_LONGEST_S", SECONDS)
    with answering(ENDLESS[part]) as web, within(10), pytest.raises(Passing, match=r"127\.0\.0\.1"):
        Client(TOKEN).get(web.url)


@pytest.mark.parametrize("body", [DEEP, b'{"a": ' + DEEP, b"9" * 5000, b"\xff\xfe"])
def test_what_is_no_json_is_told_as_that(body):
    with answering(at_once(JSON + b"\r\n" + body)) as web:
        told = answer(Health(http=web.url, json={"status": "ok"}), 5)
        assert "does not answer JSON" in told or "answers status None" in told
        assert ask(Target(web.url, "release", 5)).why in (
            "it does not answer JSON",
            "its answer names no release",
        )
        with pytest.raises(Refusal, match=r"does not answer JSON|answers no id"):
            job(web).run(None)


def job(web):
    return Job(web.url, TOKEN, "{id}", ("done",), ("failed",), timeout=5)


def test_a_long_text_is_told_by_its_beginning():
    long = b'{"status": "' + b"x" * 500_000 + b'"}'
    with answering(at_once(JSON + b"\r\n" + long)) as web:
        assert len(answer(Health(http=web.url, json={"status": "ok"}), 5)) < 1000
    with answering(at_once(b"x" * 60_000 + b"\r\n\r\n")) as web:
        assert len(answer(Health(http=web.url), 5)) < 1000
        assert len(ask(Target(web.url, "", 5)).why) < 1000
        with pytest.raises(Passing) as passing:
            Client(TOKEN).get(web.url)
        assert len(str(passing.value)) < 1000
    with (
        answering(at_once(JSON + b'\r\n{"id": "' + b"1" * 5000 + b'"}')) as web,
        pytest.raises(Refusal, match="answers no id"),
    ):
        job(web).run(None)


def elsewhere(location):
    return at_once(b"HTTP/1.1 302 Found\r\nLocation: " + location.encode() + b"\r\n\r\n")


@pytest.mark.parametrize("where", ["http://localhost:{}/", "http://127.0.0.1:{}/"], ids=["host", "port"])
def test_a_redirect_to_another_host_or_port_is_not_followed(where):
    with answering(at_once(b"HTTP/1.1 200 OK\r\n\r\n")) as inside:
        with answering(elsewhere(where.format(inside.port))) as web:
            assert "it redirects to another" in answer(Health(http=web.url), 5)
            assert "it redirects to another" in ask(Target(web.url, "", 5)).why
            seen = soak(web.url, 1, Limits())
            assert "it redirects to another" in seen.worse(Limits())
        assert inside.asked == []


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("http://portal/", "http://portal/health", ""),
        ("http://portal/", "http://portal:80/health", ""),
        ("http://portal/", "https://portal/health", ""),
        ("https://portal/", "https://portal:443/", ""),
        ("https://portal/", "http://portal/", "it redirects from https to http"),
        ("https://portal/", "https://portal:2375/", "it redirects to another port, 2375"),
        ("http://portal/", "http://169.254.169.254/", "it redirects to another host, 169.254.169.254"),
        ("http://portal/", "http://portal@169.254.169.254/", "it redirects to another host, 169.254.169.254"),
        ("http://portal/", "file:///etc/shadow", "it redirects to what is no http:// or https:// address"),
        ("http://portal/", "http://portal:x/", "it redirects to what is no address"),
        ("http://portal/", "http://[portal/", "it redirects to what is no address"),
    ],
)
def test_a_redirect_leads_to_the_same_host_or_nowhere(before, after, told):
    assert leads_on(before, after) == told


def test_a_token_that_a_job_server_repeats_is_not_told():
    says = f"HTTP/1.1 500 no\r\n\r\nI was given Bearer {TOKEN}".encode()
    with answering(at_once(says)) as web:
        with pytest.raises(Passing) as passing:
            Client(TOKEN).get(web.url)
        with pytest.raises(Refusal) as refused:
            Client(TOKEN).post(web.url, {})
    for told in (str(passing.value), str(refused.value)):
        assert "I was given" in told
        assert TOKEN not in told
