"""Signing in at a provider in ORCID's shape, and every token that is not good enough."""

from __future__ import annotations

import base64
import hmac
import json
import threading
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from joserfc import jwt

from demo.provider import Provider, new_key
from service.identity import provider as providers

ADA, EVE = "0000-0002-1825-0097", "0000-0002-1694-233X"

pytestmark = pytest.mark.attack


@pytest.fixture(scope="module")
def orcid():
    """Return a provider that a test may change; its redirect is set by ``signing``."""
    made = Provider(0, "", "APP-US", "not-a-real-secret")
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.fixture
def signing(service_of, orcid, tmp_path, monkeypatch):
    """Return a service that believes the provider."""
    secret = tmp_path / "client-secret"
    secret.write_text("not-a-real-secret\n")
    secret.chmod(0o600)
    oidc = {"issuer": orcid.issuer, "client_id": "APP-US", "client_secret_file": secret}
    service = service_of(oidc=oidc)
    monkeypatch.setattr(orcid, "redirect", f"{service.settings.url}/login/callback")
    return service


def away(client):
    """Begin a login; return where the browser is sent."""
    answer = client.get("/login")
    assert answer.status_code == 303
    return answer.headers["location"]


def back(client, person=ADA, address=""):
    """Sign in as a person; return the path that the provider sends the browser back to."""
    with httpx2.Client() as elsewhere:
        answer = elsewhere.get(f"{address or away(client)}&person={person}")
    return answer.headers["location"].removeprefix(str(client.base_url).rstrip("/"))


def test_whoever_signs_in_has_a_session_and_the_role_of_the_file(signing):
    client = signing.client()
    asked = parse_qs(urlsplit(address := away(client)).query)
    assert asked["scope"] == ["openid"]
    assert "code_challenge" not in asked  # the provider has none, as ORCID
    answer = client.get(back(client, address=address))
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith("reingest="))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert ADA in client.get("/").text
    assert client.get("/api/jobs").status_code == 200


def test_whom_nobody_listed_signs_in_and_may_nothing(signing):
    client = signing.client()
    assert client.get(back(client, EVE)).status_code == 303
    assert client.get("/").status_code == 403
    assert client.get("/api/jobs").status_code == 403


def part(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unsigned(claims):
    return f"{part({'alg': 'none'})}.{part(claims)}."


def by_public_key(orcid):
    key = orcid.keys[-1]
    secret = key.as_pem(private=False)  # which everybody has

    def sign(claims):
        text = f"{part({'alg': 'HS256', 'kid': key.kid})}.{part(claims)}"
        return f"{text}.{part(hmac.digest(secret, text.encode(), 'sha256'))}"

    return sign


def by_other_key(orcid):
    other = new_key()
    return lambda claims: jwt.encode({"alg": "RS256", "kid": orcid.keys[-1].kid}, claims, other)


def by_other_algorithm(orcid):
    key = orcid.keys[-1]
    return lambda claims: jwt.encode({"alg": "RS512", "kid": key.kid}, claims, key, algorithms=["RS512"])


def changed_afterwards(orcid):
    def sign(claims):
        head, _, signature = Provider.sign(orcid, claims).split(".")
        return f"{head}.{part({**claims, 'sub': EVE})}.{signature}"

    return sign


@pytest.mark.parametrize(
    ("forge", "told"),
    [
        (lambda _: unsigned, "only RS256 counts"),
        (by_public_key, "only RS256 counts"),
        (by_other_algorithm, "only RS256 counts"),
        (by_other_key, "signature is wrong"),
        (changed_afterwards, "signature is wrong"),
        (lambda _: lambda _claims: "x", "malformed"),
        (lambda _: lambda _claims: "e30.e30.e30", "only RS256 counts"),
    ],
    ids=["none", "HS256", "RS512", "wrong-key", "changed", "text", "empty"],
)
def test_a_token_with_a_forged_signature_signs_nobody_in(signing, orcid, monkeypatch, forge, told):
    monkeypatch.setattr(orcid, "sign", forge(orcid))
    refused(signing, told)


def refused(service, told):
    client = service.client()
    answer = client.get(back(client))
    assert answer.status_code == 403, answer.text
    assert told in answer.text
    assert "reingest" not in client.cookies
    assert client.get("/api/jobs").status_code == 401


LONG_AGO = 1_000_000_000


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"iss": "https://orcid.example"}, "another issuer"),
        ({"aud": "APP-OTHER"}, "another audience"),
        ({"aud": "APP-OTHER", "azp": "APP-US"}, "another audience"),
        ({"aud": ["APP-US", "APP-OTHER"], "azp": "APP-US"}, "another audience"),
        ({"azp": "APP-OTHER"}, "another party"),
        ({"exp": LONG_AGO}, "has expired"),
        ({"exp": None}, "has no exp"),
        ({"exp": True}, "has no exp"),
        ({"iat": 9_999_999_999}, "of the future"),
        ({"nbf": 9_999_999_999}, "of the future"),
        ({"nonce": "another"}, "not of this login"),
        ({"nonce": None}, "not of this login"),
        ({"sub": "josiah"}, "no ORCID iD"),
        ({"sub": "0000-0002-1825-0098"}, "no ORCID iD"),
        ({"auth_time": None}, "has no auth_time"),
        ({"auth_time": 9_999_999_999}, "of the future"),
    ],
)
def test_a_token_that_says_something_else_signs_nobody_in(signing, orcid, monkeypatch, claims, told):
    made = Provider.claims
    monkeypatch.setattr(orcid, "claims", lambda asked: {**made(orcid, asked), **claims})
    refused(signing, told)


def test_an_answer_without_an_id_token_signs_nobody_in(signing, orcid, monkeypatch):
    monkeypatch.setattr(
        orcid, "answer", lambda _: {"access_token": "x", "token_type": "bearer", "orcid": ADA}
    )
    refused(signing, "gave no id_token")


def test_an_audience_that_is_a_list_of_us_alone_is_ours(signing, orcid, monkeypatch):
    made = Provider.claims
    monkeypatch.setattr(
        orcid, "claims", lambda asked: {**made(orcid, asked), "aud": ["APP-US"], "azp": "APP-US"}
    )
    client = signing.client()
    assert client.get(back(client)).status_code == 303


def test_who_signed_in_there_long_ago_is_sent_back_once_to_do_it_again(signing, orcid, monkeypatch):
    made = Provider.claims
    monkeypatch.setattr(orcid, "claims", lambda asked: {**made(orcid, asked), "auth_time": LONG_AGO})
    client = signing.client()
    again = client.get(back(client))
    assert again.status_code == 303
    asked = parse_qs(urlsplit(again.headers["location"]).query)
    assert asked["prompt"] == ["login"]
    answer = client.get(back(client, address=again.headers["location"]))
    assert answer.status_code == 403
    assert "too long ago" in answer.text
    monkeypatch.setattr(orcid, "claims", lambda asked: made(orcid, asked))
    assert client.get(back(client)).status_code == 303


def test_a_login_is_used_once_and_by_the_browser_that_began_it(signing):
    client, other = signing.client(), signing.client()
    path = back(client)
    assert other.get(path).status_code == 400  # no login of its own
    away(other)
    assert other.get(path).status_code == 400  # another login's
    assert client.get(path).status_code == 303
    assert client.get(path).status_code == 400  # replayed
    assert signing.client().get("/login/callback?code=x&state=y").status_code == 400


def test_an_error_in_the_fragment_has_a_page_and_one_in_the_query_is_escaped(signing):
    client = signing.client()
    page = client.get("/login/callback")
    assert page.status_code == 400
    assert "/static/fragment.js" in page.text
    told = client.get("/login/callback", params={"error": "<script>alert(1)</script>"})
    assert told.status_code == 400
    assert "<script>alert" not in told.text


def test_a_new_key_is_found_and_unknown_ones_do_not_make_it_ask_more_than_once_a_minute(
    signing, orcid, monkeypatch
):
    client = signing.client()
    assert client.get(back(client)).status_code == 303
    monkeypatch.setattr(orcid, "keys", [*orcid.keys, new_key()])
    read = orcid.jwks_read
    refused(signing, "a key that the provider does not have")
    assert orcid.jwks_read == read
    monkeypatch.setattr(providers, "_KEYS_S", 0.0)
    assert client.get(back(client)).status_code == 303
    assert orcid.jwks_read == read + 1


def test_a_provider_that_names_another_issuer_or_other_addresses_is_not_believed(signing, orcid, monkeypatch):
    made = orcid.metadata()
    for changed, told in (
        ({"issuer": "https://orcid.org"}, "it is not believed"),
        ({"jwks_uri": "file:///etc/passwd"}, "no jwks_uri"),
    ):
        monkeypatch.setattr(orcid, "metadata", lambda changed=changed: {**made, **changed})
        answer = signing.client().get("/login")
        assert answer.status_code == 502
        assert told in answer.text


def test_where_the_provider_has_proof_keys_they_are_used(signing, orcid, monkeypatch):
    made = {**orcid.metadata(), "code_challenge_methods_supported": ["plain", "S256"]}
    monkeypatch.setattr(orcid, "metadata", lambda: made)
    asked = parse_qs(urlsplit(away(signing.client())).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert len(asked["code_challenge"][0]) == 43
