from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[3] / "demo"


@pytest.fixture
def start():
    """Return ``run(**environment)``: the portal as its own process, listening, with its address."""
    processes = []

    def run(**environment):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        defaults = {"PYTHONPATH": str(DEMO), "PATH": os.environ["PATH"], "PORTAL_PORT": str(port)}
        process = subprocess.Popen(
            [sys.executable, "-m", "portal"],
            env=defaults | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        process.stdout.readline()  # it listens, or has ended
        return process, f"http://127.0.0.1:{port}"

    yield run
    for process in processes:
        process.kill()
        process.communicate()


def get(url):
    """Return the status and the text of an answer, whatever the status."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_database_that_goes_away_is_a_503_and_is_served_again_when_it_is_back(start, server, database):
    _process, address = start(PORTAL_DSN=server.dsn(database))
    assert get(f"{address}/health")[0] == 200

    server.stop()
    try:
        away = {path: get(address + path) for path in ("/health", "/", "/study/gold:Gs0114663", "/nothing")}
    finally:
        server.start()

    assert {path: status for path, (status, _) in away.items()} == {
        "/health": 503,
        "/": 503,
        "/study/gold:Gs0114663": 503,
        "/nothing": 404,
    }
    assert json.loads(away["/health"][1]) == {"status": "the database does not answer"}
    assert "The database is away" in away["/"][1]
    assert "Traceback" not in "".join(text for _, text in away.values())
    assert get(f"{address}/health")[0] == 200
    assert get(f"{address}/")[0] == 200


def test_the_password_is_in_no_answer_and_no_log(start, server):
    dsn = f"postgresql://postgres:not-the-pass@127.0.0.1:{server.port}/postgres"
    process, address = start(PORTAL_DSN=dsn)

    answers = get(f"{address}/health")[1] + get(f"{address}/")[1]
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=10)

    assert "password authentication failed" in errors
    assert "not-the-pass" not in answers + output + errors


def test_sigterm_ends_the_portal_with_exit_code_0(start, server, database):
    process, address = start(PORTAL_DSN=server.dsn(database))
    get(f"{address}/health")

    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=3) == 0


def test_sigterm_does_not_wait_for_a_request_that_hangs(start, server, database):
    process, address = start(PORTAL_DSN=server.dsn(database))

    def ask(url):
        with suppress(OSError):  # the portal ends before it answers
            get(url)

    blocker = server.connect(database)
    try:
        with blocker.cursor() as cursor:
            cursor.execute("BEGIN; LOCK TABLE study")
            asked = threading.Thread(target=ask, args=(f"{address}/",))
            asked.start()
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            while server.rows(waiting, database) == [(0,)]:
                assert process.poll() is None

            process.send_signal(signal.SIGTERM)

            assert process.wait(timeout=3) == 0  # waitress alone would wait for 5 s
            asked.join()
    finally:
        blocker.close()


def test_settings_that_cannot_be_served_are_named(start):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        runs = [
            start()[0],
            start(PORTAL_DSN="postgresql://", PORTAL_PORT="eighty")[0],
            start(PORTAL_DSN="postgresql://", PORTAL_PORT=port)[0],
        ]
        ends = [(process.wait(timeout=10), process.communicate()[1].strip()) for process in runs]

    assert ends == [
        (2, "portal: PORTAL_DSN is not set: give the database's libpq URL"),
        (2, "portal: PORTAL_PORT is 'eighty': give a number"),
        (1, f"portal: cannot listen on 127.0.0.1:{port}: Address already in use"),
    ]
