"""The settings: closed, and without secrets."""

from __future__ import annotations

import pytest
import yaml

from service.settings import SettingsError, read_settings, secret_of

GOOD = {
    "name": "portal",
    "url": "https://ingest.example.org",
    "state": "/var/lib/reingest-service",
    "inventory": "/etc/reingest/prod",
    "oidc": {"client_id": "APP-1", "client_secret_file": "/etc/reingest/secret"},
}


@pytest.fixture
def read(tmp_path):
    def read_with(**more):
        path = tmp_path / "service.yml"
        path.write_text(yaml.safe_dump({**GOOD, **more}))
        return read_settings(path)

    return read_with


def test_what_is_not_said_has_the_safe_value(read):
    settings = read()
    assert settings.host == "127.0.0.1"
    assert settings.oidc.issuer == "https://orcid.org"
    assert settings.secure
    assert not settings.demo
    assert settings.source_roots == ()


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"oidc": {**GOOD["oidc"], "issuer": "http://orcid.org"}}, "plain http is refused"),
        ({"url": "http://ingest.example.org"}, "plain http is refused"),
        ({"url": "http://ingest.example.org", "demo": True}, "for this machine only"),
        ({"url": "https://ingest.example.org/path"}, "is no address"),
        ({"names": 1}, "names: Extra inputs"),
        ({"name": "a b"}, "name: "),
        ({"environment": {"DB_PASSWORD": "x"}}, "belongs in the vault"),
        (
            {"oidc": {"client_id": "x", "client_secret": "x", "client_secret_file": "/x"}},
            "oidc.client_secret:",
        ),
    ],
)
def test_a_setting_that_is_wrong_is_named(read, more, told):
    with pytest.raises(SettingsError, match=r"service\.yml: ") as refused:
        read(**more)
    assert told in str(refused.value)


def test_the_path_of_a_secret_may_come_from_the_environment(read, monkeypatch):
    monkeypatch.setenv("REINGEST_CLIENT_SECRET_FILE", "/run/credentials/secret")
    assert str(read().oidc.client_secret_file) == "/run/credentials/secret"


def test_a_secret_that_others_may_read_is_refused(tmp_path):
    path = tmp_path / "secret"
    path.write_text("x\n")
    path.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        secret_of(path)
    path.chmod(0o600)
    assert secret_of(path) == "x"
