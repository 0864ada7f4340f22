"""What the portal asks of its database: every SQL statement of it."""

from __future__ import annotations

from functools import partial

import psycopg2
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Connection, Engine

from .records import (
    Biosample,
    BiosampleLine,
    DataObject,
    Ecosystem,
    OmicsType,
    Served,
    Study,
    StudyLine,
    StudyName,
    Totals,
)

CONNECTIONS = 8  # one for each thread of the server
CONNECT_TIMEOUT_S = 2
TCP_TIMEOUT_MS = 4000  # a database host that vanished without a word is noticed within this time

# The data objects of a study: what its omics processings put out, and what the workflows made of that.
_STUDY_OBJECTS = """
    SELECT output.data_object_id AS id
    FROM omics_study JOIN omics_output AS output USING (omics_id)
    WHERE omics_study.study_id = :study
    UNION
    SELECT output.data_object_id
    FROM omics_study
    JOIN activity ON activity.was_informed_by = omics_study.omics_id
    JOIN activity_output AS output ON output.activity_id = activity.id
    WHERE omics_study.study_id = :study
"""


def connect(dsn: str) -> Engine:
    """Return an engine for a libpq URL or connection string; it connects on first use, and after a loss."""
    return create_engine(
        "postgresql+psycopg2://",
        creator=partial(
            psycopg2.connect,
            dsn,
            connect_timeout=CONNECT_TIMEOUT_S,
            tcp_user_timeout=TCP_TIMEOUT_MS,
            fallback_application_name="portal",
        ),
        pool_pre_ping=True,
        pool_size=CONNECTIONS,
        max_overflow=0,
    )


def served(connection: Connection) -> Served | None:
    """Return the finished load; None when the database holds none."""
    if connection.execute(text("SELECT to_regclass('reingest.load') IS NULL")).scalar():
        return None
    statement = (
        "SELECT release, snapshot FROM reingest.load WHERE finished IS NOT NULL ORDER BY finished DESC"
    )
    row = connection.execute(text(statement)).first()
    return Served._make(row) if row else None


def table_counts(connection: Connection) -> dict[str, int]:
    """Count the rows of every table that came with the load, and of ``file_download``, in one statement."""
    statement = "SELECT name FROM reingest.load_table WHERE owner = 'source' ORDER BY name"
    names = [*connection.execute(text(statement)).scalars(), "file_download"]
    quoted = connection.dialect.identifier_preparer.quote_identifier
    counts = connection.execute(
        text("SELECT " + ", ".join(f"(SELECT count(*) FROM {quoted(name)})" for name in names))  # noqa: S608
    )
    return dict(zip(names, counts.one()))


def totals(connection: Connection) -> Totals:
    """Count what the first page boasts of."""
    tables = ("study", "biosample", "omics_processing", "data_object", "file_download")
    counts = ", ".join(f"(SELECT count(*) FROM {table})" for table in tables)  # noqa: S608
    return Totals._make(connection.execute(text(f"SELECT {counts}")).one())


def studies(connection: Connection) -> list[StudyLine]:
    """List all studies, those with the most omics processings first."""
    statement = """
        SELECT id, name, ecosystem, biosample_count, omics_count FROM study ORDER BY omics_count DESC, name
    """
    return [StudyLine._make(row) for row in connection.execute(text(statement))]


def study(connection: Connection, study_id: str) -> Study | None:
    """Return one study."""
    statement = """
        SELECT id, name, description, doi, principal_investigator, ecosystem,
               biosample_count, omics_count, annotations
        FROM study WHERE id = :study
    """
    row = connection.execute(text(statement), {"study": study_id}).first()
    return Study._make(row) if row else None


def omics_types(connection: Connection, study_id: str) -> list[OmicsType]:
    """Sum up a study's omics processings by type, the most frequent first."""
    statement = """
        SELECT omics_type, count(DISTINCT processing.id), count(output.data_object_id)
        FROM omics_study
        JOIN omics_processing AS processing ON processing.id = omics_study.omics_id
        LEFT JOIN omics_output AS output ON output.omics_id = processing.id
        WHERE omics_study.study_id = :study
        GROUP BY omics_type ORDER BY 2 DESC, 1
    """
    return [OmicsType._make(row) for row in connection.execute(text(statement), {"study": study_id})]


def count_data_objects(connection: Connection, study_id: str) -> int:
    """Count a study's data objects."""
    statement = f"SELECT count(*) FROM ({_STUDY_OBJECTS}) AS object"  # noqa: S608
    return int(connection.execute(text(statement), {"study": study_id}).scalar_one())


def data_objects(connection: Connection, study_id: str, limit: int, offset: int) -> list[DataObject]:
    """List a part of a study's data objects by name."""
    statement = f"""
        SELECT object.*, (SELECT count(*) FROM file_download WHERE data_object_id = object.id)
        FROM (
            SELECT id, name, description, file_size_bytes, md5_checksum
            FROM data_object WHERE id IN ({_STUDY_OBJECTS})
            ORDER BY name, id LIMIT :limit OFFSET :offset
        ) AS object
        ORDER BY object.name, object.id
    """  # noqa: S608
    rows = connection.execute(text(statement), {"study": study_id, "limit": limit, "offset": offset})
    return [DataObject._make(row) for row in rows]


def data_object(connection: Connection, data_object_id: str) -> DataObject | None:
    """Return one data object."""
    statement = """
        SELECT id, name, description, file_size_bytes, md5_checksum,
               (SELECT count(*) FROM file_download WHERE data_object_id = data_object.id)
        FROM data_object WHERE id = :id
    """
    row = connection.execute(text(statement), {"id": data_object_id}).first()
    return DataObject._make(row) if row else None


def record_download(connection: Connection, data_object_id: str, client: str) -> bool:
    """Write one download; false when there is no such data object."""
    statement = """
        INSERT INTO file_download (data_object_id, client) SELECT id, :client FROM data_object WHERE id = :id
    """
    return connection.execute(text(statement), {"id": data_object_id, "client": client}).rowcount == 1


def ecosystems(connection: Connection) -> list[Ecosystem]:
    """List the ecosystems that biosamples name."""
    statement = """
        SELECT ecosystem, count(*) FROM biosample WHERE ecosystem IS NOT NULL GROUP BY 1 ORDER BY 1
    """
    return [Ecosystem._make(row) for row in connection.execute(text(statement))]


def count_biosamples(connection: Connection, prefix: str, ecosystem: str) -> int:
    """Count the biosamples whose name or id starts with ``prefix``; an empty ``ecosystem`` means any."""
    where, values = _biosample_filter(prefix, ecosystem)
    return int(connection.execute(text(f"SELECT count(*) FROM biosample {where}"), values).scalar_one())  # noqa: S608


def biosamples(
    connection: Connection, prefix: str, ecosystem: str, limit: int, offset: int
) -> list[BiosampleLine]:
    """List a part of the biosamples found, by name."""
    where, values = _biosample_filter(prefix, ecosystem)
    statement = f"""
        SELECT id, name, ecosystem, habitat, collection_date
        FROM biosample {where} ORDER BY name, id LIMIT :limit OFFSET :offset
    """  # noqa: S608
    rows = connection.execute(text(statement), {**values, "limit": limit, "offset": offset})
    return [BiosampleLine._make(row) for row in rows]


def biosample(connection: Connection, biosample_id: str) -> Biosample | None:
    """Return one biosample."""
    statement = """
        SELECT id, name, description, latitude, longitude, collection_date, ecosystem, habitat, annotations
        FROM biosample WHERE id = :id
    """
    row = connection.execute(text(statement), {"id": biosample_id}).first()
    return Biosample._make(row) if row else None


def studies_of_biosample(connection: Connection, biosample_id: str) -> list[StudyName]:
    """List the studies that processed a biosample."""
    statement = """
        SELECT DISTINCT study.id, study.name
        FROM omics_input
        JOIN omics_study USING (omics_id)
        JOIN study ON study.id = omics_study.study_id
        WHERE omics_input.biosample_id = :id ORDER BY 2
    """
    return [StudyName._make(row) for row in connection.execute(text(statement), {"id": biosample_id})]


def _biosample_filter(prefix: str, ecosystem: str) -> tuple[str, dict[str, str]]:
    literal = prefix.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    conditions, values = [], {}
    if prefix:
        conditions.append("(lower(name) LIKE lower(:prefix) OR lower(id) LIKE lower(:prefix))")
        values["prefix"] = literal + "%"
    if ecosystem:
        conditions.append("ecosystem = :ecosystem")
        values["ecosystem"] = ecosystem
    return ("WHERE " + " AND ".join(conditions) if conditions else ""), values
