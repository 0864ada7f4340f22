"""The store in PostgreSQL, where its URL is declared."""

from __future__ import annotations

from six_jobs import begin_six
from tiers import full

from service.settings import Settings
from service.store.database import open_store
from service.store.jobs import JobStore


@full
def test_postgresql_refuses_a_second_active_job_too(server_factory, tmp_path):
    url = tmp_path / "url"
    url.write_text(server_factory().dsn().replace("postgresql:", "postgresql+psycopg2:"))
    url.chmod(0o600)
    settings = Settings(
        name="x",
        url="https://x.org",
        state=tmp_path,
        inventory=tmp_path,
        store_url_file=url,
        oidc={"client_id": "x", "client_secret_file": url},
    )
    engine = open_store(settings)
    store = JobStore(engine)
    assert {one.id for one in begin_six(store)} == {store.active().id}
    store.end(store.active(), "failed", code=1)
    assert len({one.id for one in begin_six(store)}) == 1
    engine.dispose()
    assert not (tmp_path / "service.sqlite").exists()
