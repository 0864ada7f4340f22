"""One request to the portal: what is a good answer, what is none, and what this host cannot ask."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time

import pytest
from unit.outage.portal import serving

from plugins.module_utils.reingest.outage.answer import Answer
from plugins.module_utils.reingest.outage.request import Target, ask


@pytest.fixture
def portal():
    with serving() as found:
        yield found


def target(url, key="release", timeout=10.0):
    return Target(url, key, timeout)


def test_a_good_answer_is_200_and_names_its_release(portal):
    assert ask(target(portal.url)) == Answer(True, "r1")
    assert ask(target(portal.url, key="")) == Answer(True)


def test_another_status_is_not_good(portal):
    portal.status = 503
    assert ask(target(portal.url)) == Answer(False, why="it answers 503")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<html>", "it does not answer JSON"),
        (b"[1]", "its answer names no release"),
        (b'{"release": ""}', "its answer names no release"),
        (b'{"release": 3}', "its answer names no release"),
    ],
)
def test_where_a_release_key_is_declared_an_answer_without_it_is_not_good(portal, body, why):
    portal.body = body
    assert ask(target(portal.url)) == Answer(False, why=why)
    assert ask(target(portal.url, key="")).good


def test_an_answer_that_takes_longer_than_declared_is_given_up(portal):
    portal.wait = 5.0
    began = time.monotonic()
    assert ask(target(portal.url, timeout=0.2)) == Answer(False, why="no whole answer within 0.2 s")
    assert time.monotonic() - began < 4


def test_a_slow_look_up_of_the_name_is_given_up(portal, monkeypatch):
    look_up = socket.getaddrinfo

    def slow(*arguments, **options):
        time.sleep(0.6)
        return look_up(*arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    assert ask(target(portal.url, timeout=0.2)).why == "no whole answer within 0.2 s"
    assert ask(target(portal.url, timeout=30)).good


def test_a_redirect_is_followed_on_the_same_host(portal):
    portal.location = "/elsewhere?a=b"
    assert ask(target(portal.url)) == Answer(True, "r1")
    assert [path for _, path, _ in portal.asked] == ["/health", "/elsewhere?a=b"]


def test_a_redirect_to_another_host_is_not_followed(portal):
    portal.location = f"http://localhost:{portal.port}/"
    assert ask(target(portal.url)) == Answer(False, why="it redirects to another host, localhost")
    assert len(portal.asked) == 1


def test_a_redirect_in_a_circle_ends(portal):
    portal.location = "/health"
    assert ask(target(portal.url)).why == "it redirects more than 5 times"


def test_a_portal_that_is_away_is_no_fault_of_this_host(portal):
    with serving() as gone:
        url = gone.url
    answer = ask(target(url))
    assert (answer.good, answer.never) == (False, False)
    assert "refused" in answer.why.lower()


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "https:///x", "http://127.0.0.1:x/", "nothing"])
def test_what_is_no_address_can_never_be_asked(url):
    answer = ask(target(url))
    assert (answer.good, answer.never) == (False, True)


def test_a_name_that_is_not_found_can_never_be_asked():
    answer = ask(target("http://portal.invalid/", timeout=10))
    assert (answer.good, answer.never) == (False, True)
    assert answer.why.startswith("its name is not found")


def test_a_bad_certificate_can_never_be_asked(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=other -keyout key.pem"
    command += " -out certificate.pem"
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with serving(context=context) as found:
        answer = ask(target(f"https://127.0.0.1:{found.port}/health"))
    assert (answer.good, answer.never) == (False, True)
    assert answer.why.startswith("its certificate is not good: self")


def test_the_login_of_an_address_is_sent_and_never_shown(portal):
    portal.location = "ftp://me:pass%20word@127.0.0.1/"
    url = portal.url.replace("//", "//me:pass%20word@")
    assert not ask(target(url)).good
    assert portal.asked[0][2]["Authorization"] == "Basic bWU6cGFzcyB3b3Jk"
    portal.location = "http://pass%20word/"
    assert "pass" not in ask(target(url)).why
