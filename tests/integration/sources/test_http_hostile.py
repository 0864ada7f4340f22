"""Servers that send the worker on to where only it can go, and servers that are not what they say."""

from __future__ import annotations

import datetime
import http.server
import ipaddress
import os
import ssl
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.sources import redirect
from plugins.module_utils.reingest.sources.files import find_sources, identify
from plugins.module_utils.reingest.sources.reading import Reading

pytestmark = pytest.mark.attack
ROOT = Path(__file__).parents[3]


@contextmanager
def serving(answers, context=None):
    """Serve ``answers``: by path a status and headers, or a body; yield the port and the paths asked for."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            status, headers, body = answers.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - the library's own name

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port, asked
        server.shutdown()
        thread.join()


@pytest.fixture
def certificate(tmp_path):
    """Return the file of a certificate for 127.0.0.1, that nobody but who is told trusts, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "here")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "certificate.pem"
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, *form) + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


def tls(file):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def read(url, folder):
    return identify(find_sources([url], Reading("csv"), folder), folder)


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:{port}/secret.csv", "http://[::ffff:127.0.0.1]:{port}/secret.csv"]
)
def test_a_server_elsewhere_cannot_send_the_worker_to_its_own_loopback(tmp_path, monkeypatch, target):
    # All servers of a test are on the loopback; this one is taken for one of the world.
    ranks = redirect._ranks

    async def ranked(url):
        return [0] if url.host == "localhost" else await ranks(url)

    monkeypatch.setattr(redirect, "_ranks", ranked)
    with serving({"/secret.csv": (200, {}, b"a\nhidden\n")}) as (inner, asked):
        answers = {"/a.csv": (302, {"Location": target.format(port=inner)}, b"")}
        with serving(answers) as (outer, _), pytest.raises(Refusal, match="an address of the worker itself"):
            read(f"http://localhost:{outer}/a.csv", tmp_path)
    assert asked == []


def test_a_redirect_on_the_same_host_and_one_from_loopback_to_loopback_are_followed(tmp_path):
    with serving({"/b.csv": (200, {}, b"a\n1\n")}) as (inner, _):
        answers = {
            "/a.csv": (302, {"Location": "/c.csv"}, b""),
            "/c.csv": (302, {"Location": f"http://127.0.0.1:{inner}/b.csv"}, b""),
        }
        with serving(answers) as (outer, _):
            (found,) = read(f"http://127.0.0.1:{outer}/a.csv", tmp_path).values()
    assert found.size == 4


READ = """
import sys
from pathlib import Path
from plugins.module_utils.reingest.sources.files import find_sources, identify
from plugins.module_utils.reingest.sources.reading import Reading
folder = Path(sys.argv[2])
identify(find_sources([sys.argv[1]], Reading("csv"), folder), folder)
"""


def test_a_redirect_away_from_https_is_refused(tmp_path, certificate):
    with serving({"/b.csv": (200, {}, b"a\n1\n")}) as (inner, asked):
        answers = {
            "/a.csv": (302, {"Location": f"http://127.0.0.1:{inner}/b.csv"}, b""),
            "/good.csv": (200, {}, b"a\n1\n"),
        }
        with serving(answers, tls(certificate)) as (outer, _):
            # A process of its own: aiohttp reads whom to trust when it is imported.
            refused, good = (
                subprocess.run(
                    [sys.executable, "-c", READ, f"https://127.0.0.1:{outer}/{name}.csv", str(tmp_path)],
                    cwd=ROOT,
                    env={**os.environ, "SSL_CERT_FILE": str(certificate)},
                    capture_output=True,
                    text=True,
                    check=False,
                )
                for name in ("a", "good")
            )
    assert "which is not encrypted" in refused.stderr
    assert asked == []
    assert good.returncode == 0, good.stderr


def test_a_certificate_that_nobody_vouches_for_is_told_as_that(tmp_path, certificate):
    with (
        serving({}, tls(certificate)) as (port, _),
        pytest.raises(Refusal, match=r"TLS: .*certificate") as refused,
    ):
        read(f"https://127.0.0.1:{port}/a.csv", tmp_path)
    assert "does not exist" not in str(refused.value)


@pytest.mark.parametrize("status", [403, 500, 503])
def test_a_status_is_told_as_that(tmp_path, status):
    with (
        serving({"/a.csv": (status, {}, b"")}) as (port, _),
        pytest.raises(Refusal, match=f"answers {status}"),
    ):
        read(f"http://127.0.0.1:{port}/a.csv", tmp_path)


def test_a_server_that_is_not_there_is_told_as_that(tmp_path):
    with pytest.raises(Refusal, match="Connect") as refused:
        read("http://127.0.0.1:1/a.csv", tmp_path)
    assert "does not exist" not in str(refused.value)


@pytest.mark.parametrize(
    ("address", "rank"),
    [
        ("127.0.0.53", 2),
        ("169.254.169.254", 2),
        ("0.0.0.0", 2),
        ("::1", 2),
        ("fe80::1%eth0", 2),
        ("::ffff:169.254.169.254", 2),
        ("10.0.0.1", 1),
        ("192.168.1.1", 1),
        ("fd00::1", 1),
        ("8.8.8.8", 0),
        ("2001:4860:4860::8888", 0),
    ],
)
def test_how_near_an_address_is(address, rank):
    assert redirect._rank(address) == rank
