"""A provider of identities for the demo, in ORCID's shape: whoever asks may be any of its people.

For this machine only: it has no passwords. Usage: provider.py PORT SERVICE_URL CLIENT_ID SECRET_FILE
"""

from __future__ import annotations

import html
import json
import secrets
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

PEOPLE = {  # ORCID's own example persons
    "0000-0002-1825-0097": "Josiah Carberry, promoter",
    "0000-0001-5109-3700": "Laurel Haak, loader",
    "0000-0002-1694-233X": "somebody who is not listed",
}
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>The demo's provider</title>
<link rel="icon" href="data:,">
<style>body{{font:1rem/1.5 system-ui;max-width:32rem;margin:3rem auto;padding:0 1rem}}
a{{display:block;padding:.6rem 1rem;margin:.5rem 0;border:1px solid #888;border-radius:6px}}</style>
<h1>Who are you?</h1><p>This stands in for ORCID, for the demo: there is no password.</p>{people}</html>"""


class Provider(ThreadingHTTPServer):
    """Serves on loopback; a test changes what it says by ``claims``, ``sign`` and ``answer``."""

    daemon_threads = True

    def __init__(self, port: int, redirect: str, client_id: str, secret: str) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.issuer = f"http://127.0.0.1:{self.server_address[1]}"
        self.redirect, self.client_id, self.secret = redirect, client_id, secret
        self.keys = [new_key()]
        self.codes: dict[str, dict[str, Any]] = {}
        self.jwks_read = 0

    def metadata(self) -> dict[str, Any]:
        """Return what it says of itself, as ORCID does: no PKCE."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/oauth/authorize",
            "token_endpoint": f"{self.issuer}/oauth/token",
            "jwks_uri": f"{self.issuer}/oauth/jwks",
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "response_types_supported": ["code"],
            "scopes_supported": ["openid"],
            "subject_types_supported": ["public"],
        }

    def claims(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return what the token says; ``amr`` is a text, as of ORCID's members."""
        now = int(time.time())
        return {
            "iss": self.issuer,
            "sub": asked["person"],
            "aud": self.client_id,
            "nonce": asked["nonce"],
            "iat": now,
            "exp": now + 86400,
            "auth_time": now,
            "amr": "pwd",
            "jti": secrets.token_hex(8),
        }

    def sign(self, claims: dict[str, Any]) -> str:
        """Return the token."""
        key = self.keys[-1]
        return jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)

    def answer(self, token: str) -> dict[str, Any]:
        """Return what is given for a code."""
        return {"access_token": secrets.token_hex(16), "token_type": "bearer", "id_token": token}


def new_key() -> RSAKey:
    """Return a key pair."""
    return RSAKey.generate_key(2048, {"use": "sig", "kid": secrets.token_hex(4)})


class _Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        """Answer what a browser, or the service, looks at."""
        parts = urlsplit(self.path)
        if parts.path == "/.well-known/openid-configuration":
            self._json(self.server.metadata())
        elif parts.path == "/oauth/jwks":
            self.server.jwks_read += 1
            self._json({"keys": [key.as_dict(private=False) for key in self.server.keys]})
        elif parts.path == "/oauth/authorize":
            self._authorize({name: values[0] for name, values in parse_qs(parts.query).items()})
        else:
            self._json({"error": "not_found"}, 404)

    def do_POST(self) -> None:
        """Exchange a code, once."""
        body = self.rfile.read(min(int(self.headers.get("content-length", 0)), 65536)).decode()
        given = {name: values[0] for name, values in parse_qs(body).items()}
        asked = self.server.codes.pop(given.get("code", ""), None)
        known = secrets.compare_digest(given.get("client_secret", ""), self.server.secret)
        if asked is None or not known or given.get("redirect_uri") != self.server.redirect:
            self._json({"error": "invalid_grant"}, 400)
            return
        self._json(self.server.answer(self.server.sign(self.server.claims(asked))))

    def _authorize(self, asked: dict[str, str]) -> None:
        if (
            asked.get("redirect_uri") != self.server.redirect
            or asked.get("client_id") != self.server.client_id
        ):
            self._json({"error": "invalid_request"}, 400)
            return
        if asked.get("person") in PEOPLE:
            code = secrets.token_urlsafe(16)
            self.server.codes[code] = asked
            self.send_response(303)
            back = urlencode({"code": code, "state": asked.get("state", "")})
            self.send_header("location", f"{self.server.redirect}?{back}")
            self.end_headers()
            return
        links = [
            f'<a href="?{html.escape(urlencode({**asked, "person": one}))}">{one}<br>{html.escape(name)}</a>'
            for one, name in PEOPLE.items()
        ]
        self._send(_PAGE.format(people="".join(links)).encode(), "text/html; charset=utf-8")

    def _json(self, value: dict[str, Any], code: int = 200) -> None:
        self._send(json.dumps(value).encode(), "application/json", code)

    def _send(self, body: bytes, kind: str, code: int = 200) -> None:
        self.send_response(code)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing: addresses have codes."""


if __name__ == "__main__":
    _, port_, service, client, secret_file = sys.argv
    secret_ = Path(secret_file).read_text(encoding="utf-8").strip()
    Provider(int(port_), f"{service}/login/callback", client, secret_).serve_forever()
