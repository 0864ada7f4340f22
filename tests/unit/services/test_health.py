"""A service is healthy when it answers as declared; what will never get healthy is refused at once."""

from __future__ import annotations

import http.server
import socket
import subprocess
import sys
import threading

import pytest

from plugins.module_utils.reingest.engines.model import Health
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.services.health import answer


@pytest.fixture
def portal():
    """Return ``serve(status, body)``, which returns the address that answers so."""
    servers = []

    def serve(status, body):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                """Say nothing."""

        servers.append(http.server.HTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,)).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/health"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_nothing_declared_is_healthy():
    assert answer(Health()) == ""


def test_an_address_that_accepts_connections_is_healthy():
    with socket.create_server(("127.0.0.1", 0)) as server:
        target = f"127.0.0.1:{server.getsockname()[1]}"
        assert answer(Health(tcp=target)) == ""
    assert answer(Health(tcp=target)) == f"{target}: Connection refused"


def test_a_page_that_answers_200_is_healthy(portal):
    assert answer(Health(http=portal(200, b"hello"))) == ""


def test_503_is_told_with_what_the_page_says(portal):
    url = portal(503, b'{"status": "no load"}')
    assert answer(Health(http=url)) == f'{url} answers 503: {{"status": "no load"}}'


def test_the_values_of_a_json_answer_must_match(portal):
    url = portal(200, b'{"status": "ok", "release": "r1"}')
    assert answer(Health(http=url, json={"status": "ok", "release": "r1"})) == ""
    assert answer(Health(http=url, json={"release": "r2"})) == f"{url} answers release 'r1', expected 'r2'"
    assert answer(Health(http=url, json={"snapshot": "x"})) == f"{url} answers snapshot None, expected 'x'"


def test_an_answer_that_is_no_json_is_told(portal):
    url = portal(200, b"<html>")
    assert answer(Health(http=url, json={"status": "ok"})) == f"{url} does not answer JSON"


def test_nobody_at_the_address_is_told():
    assert "Connection refused" in answer(Health(http="http://127.0.0.1:1/health"))


def test_a_server_that_is_no_web_server_is_told():
    def hang_up(server):
        connection, _ = server.accept()
        connection.recv(1000)
        connection.sendall(b"not http\r\n")
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=hang_up, args=(server,))
        thread.start()
        assert "not http" in answer(Health(http=f"http://127.0.0.1:{server.getsockname()[1]}/"))
        thread.join()


@pytest.mark.parametrize(
    ("health", "match"),
    [
        (Health(tcp="localhost"), "'localhost' is not an address to ask: expected host:port"),
        (Health(http="file:///etc/passwd"), "is not an HTTP address"),
        (Health(http="http://127.0.0.1:x/"), "is not an HTTP address"),
    ],
)
def test_what_can_never_answer_is_refused(health, match):
    with pytest.raises(Refusal, match=match):
        answer(health)


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://u:geheim@127.0.0.1/db?nonsense=1",
        "host=127.0.0.1 geheim",
        "postgresql://u:geheim/x@127.0.0.1/db",
        "postgresql://u:x@geheim@127.0.0.1/db",
    ],
)
def test_a_malformed_login_is_refused_without_showing_it(dsn):
    with pytest.raises(Refusal, match="the address of the login is malformed") as told:
        answer(Health(postgresql=dsn))
    assert "geheim" not in str(told.value)


def test_a_host_without_psycopg2_can_ask_whatever_is_no_login():
    script = (
        "import sys; sys.modules['psycopg2'] = None\n"
        "from plugins.module_utils.reingest.engines import model\n"
        "from plugins.module_utils.reingest.services import group, health\n"
        "assert health.answer(model.Health(tcp='127.0.0.1:1'))\n"
        "try: health.answer(model.Health(postgresql='postgresql://h/d'))\n"
        "except ImportError as error: assert error.name == 'psycopg2'\n"
        "else: raise SystemExit('no login without psycopg2')\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
