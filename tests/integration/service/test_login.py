"""Signing in at somebody else's provider: Canaille, by pytest-iam, which has proof keys (PKCE)."""

from __future__ import annotations

import secrets
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from joserfc.jwk import RSAKey
from pytest_iam import iam_configuration as its_configuration
from pytest_iam import iam_server, iam_server_port

__all__ = ["iam_server", "iam_server_port", "its_configuration"]

ADA = "0000-0002-1825-0097"


@pytest.fixture(scope="session")
def iam_configuration(its_configuration):
    """Have it sign by RS256, as ORCID does; its default is RS512."""
    key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": "canaille"})
    oidc = {**its_configuration["CANAILLE_OIDC"], "ACTIVE_JWKS": [key.as_dict(private=True)]}
    return {**its_configuration, "CANAILLE_OIDC": oidc}


@pytest.fixture
def registered(iam_server, service_of, tmp_path):
    """Return a service that is registered there."""
    secret, name = secrets.token_hex(8), secrets.token_hex(4)
    path = tmp_path / "client-secret"
    path.write_text(secret)
    path.chmod(0o600)
    oidc = {"issuer": iam_server.url.rstrip("/"), "client_id": name, "client_secret_file": path}
    service = service_of(oidc=oidc)
    redirect = f"{service.settings.url}/login/callback"
    with iam_server.app.app_context():
        made = iam_server.models.Client(
            client_id=name,
            client_secret=secret,
            client_name="reingest",
            client_uri=service.settings.url,
            redirect_uris=[redirect],
            grant_types=["authorization_code"],
            response_types=["code"],
            scope=["openid"],
            token_endpoint_auth_method="client_secret_basic",
            id_token_signed_response_alg="RS256",
        )
        iam_server.backend.save(made)
        made.audience = [made]
        iam_server.backend.save(made)
    return service


def test_whoever_signs_in_at_a_real_provider_has_a_session(iam_server, registered):
    service = registered
    person = iam_server.random_user(user_name=ADA)
    iam_server.login(person)
    iam_server.consent(person)
    client = service.client()
    address = client.get("/login").headers["location"]
    assert parse_qs(urlsplit(address).query)["code_challenge_method"] == ["S256"]
    with httpx2.Client() as elsewhere:
        answer = elsewhere.get(address)
    assert answer.headers["location"].startswith(service.settings.url), answer.text[:500]
    came = client.get(answer.headers["location"].removeprefix(service.settings.url))
    assert came.status_code == 303, came.text
    assert client.get("/api/jobs").status_code == 200
