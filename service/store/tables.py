"""What the service keeps: jobs, sessions, logins under way, tokens. Of secrets only hashes."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Float, Index, Integer, MetaData, String, Table, Text

VERSION = 1
metadata = MetaData()

about = Table("about", metadata, Column("version", Integer, primary_key=True))

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("dry", Boolean, nullable=False),
    Column("asked", JSON, nullable=False),  # the fields of the request that were given
    Column("person", String(19), nullable=False),  # ORCID iD
    Column("through", String(80), nullable=False),  # "session", "token <name>" or "service"
    Column("authenticated", Text, nullable=False),  # "<issuer> at <time>"; empty: by no session
    Column("asked_at", String(40), nullable=False),  # UTC, ISO 8601
    Column("state", String(16), nullable=False),
    Column("ended_at", String(40)),
    Column("code", Integer),
    Column("why", Text, nullable=False, default=""),
    Column("cancelled_by", String(80), nullable=False, default=""),
    Column("parent", String(32), nullable=False, default=""),  # the lost job that this one recovers
    Column("active", Boolean, nullable=False),  # has the one place that there is
)
Index(
    "one_job_at_a_time",
    jobs.c.active,
    unique=True,
    sqlite_where=jobs.c.active.is_(True),
    postgresql_where=jobs.c.active.is_(True),
)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", String(64), primary_key=True),  # SHA-256 of the cookie's value
    Column("person", String(19), nullable=False),
    Column("issuer", Text, nullable=False),
    Column("authenticated_at", String(40), nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("expires", Float, nullable=False),  # seconds since the epoch
)

logins = Table(
    "logins",
    metadata,
    Column("state", String(64), primary_key=True),  # SHA-256 of it
    Column("browser", String(64), nullable=False),  # SHA-256 of the cookie that began it
    Column("nonce", String(64), nullable=False),
    Column("verifier", String(128), nullable=False),  # of PKCE; empty where the provider has none
    Column("again", Boolean, nullable=False),  # sent back once already, with prompt=login
    Column("expires", Float, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("person", String(19), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("made_at", String(40), nullable=False),
    Column("expires", Float, nullable=False),
)
