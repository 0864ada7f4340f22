"""The store's database: SQLite with its write-ahead log, or the one whose URL is declared."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, create_engine, event, insert, select

from ..settings import Settings, SettingsError, secret_of
from .tables import VERSION, about, metadata


def open_store(settings: Settings) -> Engine:
    """Return the engine of the store, with its tables made.

    Raises:
        SettingsError: the URL cannot be read, or the store is of another version of the service.
    """
    if settings.store_url_file is not None:
        engine = create_engine(secret_of(settings.store_url_file), pool_pre_ping=True, hide_parameters=True)
    else:
        settings.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = settings.state / "service.sqlite"
        path.touch(mode=0o600)
        engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30}, hide_parameters=True)
        event.listen(engine, "connect", _durable)
    metadata.create_all(engine)
    with engine.begin() as connection:
        found = connection.execute(select(about.c.version)).scalar()
        if found is None:
            connection.execute(insert(about).values(version=VERSION))
        elif found != VERSION:
            raise SettingsError(f"the store is of version {found}, this service keeps {VERSION}: upgrade it")
    return engine


def _durable(connection: Any, _: object) -> None:  # noqa: ANN401 - of whatever driver
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
