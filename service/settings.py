"""The service's settings: one YAML file, closed; secrets are files that it names.

The paths of those files may come from the environment instead, as a unit of systemd gives credentials.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

ROOT = Path(__file__).resolve().parents[1]
PEOPLE = Path("/etc/reingest/allowed_signers")
_ENVIRONMENT = {  # variable: where its path belongs
    "REINGEST_CLIENT_SECRET_FILE": ("oidc", "client_secret_file"),
    "REINGEST_STORE_URL_FILE": (None, "store_url_file"),
    "REINGEST_VAULT_PASSWORD_FILE": (None, "vault_password_file"),
}
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SECRET = ("PASSWORD", "SECRET", "TOKEN", "PASSPHRASE")


class SettingsError(Exception):
    """The settings cannot be used; the text says which one, and what to do."""


class Oidc(BaseModel):
    """The provider that people sign in with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: str = "https://orcid.org"
    client_id: str = Field(min_length=1)
    client_secret_file: Path
    longest_login: int = Field(default=28800, ge=60)  # seconds since the person gave the password there


class Settings(BaseModel):
    """All of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")  # in proofs: `service <name>`
    url: str  # as browsers see it, without a path
    host: str = "127.0.0.1"
    port: int = Field(default=8090, ge=1, le=65535)
    state: Path  # the service's own folder: store, jobs, key
    inventory: Path
    oidc: Oidc
    people: Path = PEOPLE  # who is who: the signers' file
    store_url_file: Path | None = None  # a file with a URL of SQLAlchemy; None: SQLite below `state`
    vault_password_file: Path | None = None
    source_roots: tuple[Path, ...] = ()  # where `sources` of a job may lie, on the worker
    environment: dict[str, str] = {}  # of ansible-playbook; no secrets
    repository: Path = ROOT
    ansible_playbook: Path = ROOT / ".venv/bin/ansible-playbook"
    session_hours: float = Field(default=8, gt=0, le=24)
    demo: bool = False  # permits plain http on loopback, and files of one's own in place of root's

    @field_validator("url")
    @classmethod
    def _plain(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
            raise ValueError("is no address of a server, such as https://ingest.example.org")
        return url.rstrip("/")

    @field_validator("environment")
    @classmethod
    def _no_secret(cls, environment: dict[str, str]) -> dict[str, str]:
        for name in environment:
            if any(word in name.upper() for word in _SECRET):
                raise ValueError(
                    f"{name} looks like a secret, which belongs in the vault, not in an environment"
                )
        return environment

    @model_validator(mode="after")
    def _encrypted(self) -> Settings:
        for name, url in (("url", self.url), ("oidc.issuer", self.oidc.issuer)):
            parts = urlsplit(url)
            if parts.scheme == "https":
                continue
            if not self.demo:
                raise ValueError(f"{name} is {url}: plain http is refused; only the demo (demo: true) has it")
            if parts.hostname not in _LOOPBACK:
                raise ValueError(f"{name} is {url}: the demo's plain http is for this machine only")
        return self

    @property
    def secure(self) -> bool:
        """Whether browsers reach it by https."""
        return self.url.startswith("https://")


def read_settings(path: Path) -> Settings:
    """Return the settings of a file.

    Raises:
        SettingsError: it cannot be read, or something in it is wrong; the message has its name.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({error.strerror})") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is no YAML: {error}") from None
    if not isinstance(raw, dict):
        raise SettingsError(f"{path} has no settings: see docs/service.md")
    for variable, (part, name) in _ENVIRONMENT.items():
        if os.environ.get(variable):
            target = raw.setdefault(part, {}) if part else raw
            target[name] = os.environ[variable]
    try:
        return Settings(**raw)
    except ValidationError as error:
        told = "; ".join(
            f"{'.'.join(map(str, one['loc'])) or 'settings'}: {one['msg'].removeprefix('Value error, ')}"
            for one in error.errors(include_input=False, include_url=False)
        )
        raise SettingsError(f"{path}: {told}") from None


def secret_of(path: Path) -> str:
    """Return the secret in a file.

    Raises:
        SettingsError: it cannot be read, is empty, or everybody may read it.
    """
    try:
        if path.stat().st_mode & 0o007:
            raise SettingsError(f"{path} holds a secret and others may read it: chmod 600")
        text = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({error.strerror})") from None
    if not text:
        raise SettingsError(f"{path} is empty: it must hold the secret")
    return text
