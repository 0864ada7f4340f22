"""The store: one active job, hashes in place of secrets."""

from __future__ import annotations

import sqlite3
import time

import pytest
from six_jobs import begin_six

from service.identity.sessions import Sessions
from service.identity.tokens import Tokens
from service.settings import Settings, SettingsError
from service.store.database import open_store
from service.store.jobs import Job, JobStore, Order

ADA = "0000-0002-1825-0097"


@pytest.fixture
def settings(tmp_path):
    oidc = {"client_id": "x", "client_secret_file": tmp_path / "s"}
    return Settings(name="x", url="https://x.org", state=tmp_path / "state", inventory="/x", oidc=oidc)


def test_of_six_jobs_at_once_one_is_active_and_the_others_are_told_which(settings):
    store = JobStore(open_store(settings))
    came = begin_six(store)
    assert {one.id for one in came} == {store.active().id}
    assert len(store.newest()) == 1
    store.end(store.active(), "succeeded", code=0)
    assert store.active() is None
    assert isinstance(store.begin(Order("load", {}, dry=True, person=ADA, through="session")), Job)


def test_only_hashes_of_sessions_and_tokens_are_kept(settings):
    engine = open_store(settings)
    session = Sessions(engine, 8).begin(ADA, "https://orcid.org", "2026-11-23")
    token = Tokens(engine).make("ci", ADA, ["load"], 1)
    login = Sessions(engine, 8).begin_login(pkce=True, again=False)
    path = settings.state / "service.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    connection.close()
    kept = path.read_bytes()
    assert ADA.encode() in kept
    for secret in (session, token, login.state, login.browser):
        assert secret.encode() not in kept
    assert path.stat().st_mode & 0o077 == 0


def test_a_store_of_another_version_is_refused(settings):
    engine = open_store(settings)
    with engine.begin() as connection:
        connection.exec_driver_sql("update about set version = 99")
    with pytest.raises(SettingsError, match="of version 99"):
        open_store(settings)


def test_a_session_a_token_and_a_login_end(settings, monkeypatch):
    engine = open_store(settings)
    sessions, tokens = Sessions(engine, 8), Tokens(engine)
    session, token = sessions.begin(ADA, "https://orcid.org", "x"), tokens.make("ci", ADA, ["load"], 1)
    login = sessions.begin_login(pkce=False, again=False)
    assert sessions.find(session).person == ADA
    assert tokens.find(token).scopes == ("load",)
    later = time.time() + 9 * 3600
    monkeypatch.setattr("time.time", lambda: later)
    assert sessions.find(session) is None
    assert sessions.end_login(login.state, login.browser) is None
    assert tokens.find(token) is not None
    monkeypatch.setattr("time.time", lambda: later + 86400)
    assert tokens.find(token) is None
