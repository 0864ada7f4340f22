"""The portal's address and the backend's login must prove what is served now."""

from __future__ import annotations

import http.server
import json
import threading

import pytest

from plugins.module_utils.reingest.preflight.portal import check_login, check_portal, little_proof
from plugins.module_utils.reingest.services.served import Login


@pytest.fixture
def portal():
    class Portal(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/health" else 404)
            self.end_headers()
            self.wfile.write(json.dumps({"release": "r1"}).encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Portal)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("key", "release"), [("release", "r1"), ("", "r1"), ("release", "")])
def test_a_portal_that_names_what_is_live_is_in_order(portal, key, release):
    assert check_portal(f"{portal}/health", key, release, timeout=5) == []


@pytest.mark.parametrize(
    ("path", "key", "release", "reason"),
    [
        ("/health", "release", "r2", "answers release 'r1', expected 'r2'"),
        ("/health", "version", "r1", "answers version None, expected 'r1'"),
        ("/healthz", "release", "r1", "answers 404"),
    ],
)
def test_an_address_that_a_switch_would_go_back_for_is_found(portal, path, key, release, reason):
    (found,) = check_portal(portal + path, key, release, timeout=5)
    assert found.name == "portal"
    assert reason in found.text
    assert "correct reingest_portal_url or reingest_portal_release_key" in found.text


def test_an_address_that_is_none_is_found_without_its_password():
    (found,) = check_portal("ftp://ada:correct-horse@portal/health", "release", "r1", timeout=1)
    assert "is not an HTTP address" in found.text
    assert "correct-horse" not in found.text


def test_that_an_address_names_no_release_is_said():
    assert "proves little" in little_proof("http://portal/", "")[0]
    assert little_proof("http://portal/", "release") == []
    assert little_proof("", "") == []


def test_a_login_that_reads_nothing_is_found_at_the_first_try(tmp_path):
    login = Login("postgresql://ada:correct-horse@127.0.0.1:9/nmdc")
    (found,) = check_login(login, "20261123T114500Z", loaded=True, data=tmp_path)
    assert found.name == "login"
    assert "the backend's own login does not read 20261123T114500Z: no PostgreSQL answers at" in found.text
    assert "correct-horse" not in found.text
