"""Another database, by SQLAlchemy: the rows of a table or a query, as the server sends them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import Refusal
from .bad import Bad, bad
from .format import Code
from .optional import library
from .source import Query, Source, expanded, without_secrets
from .values import plain

_ROWS = 1000  # fetched at a time
# What a query makes a text of has the same one, whatever that server is set to; values have types anyway.
_AS_TEXT = (
    "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; "
    "SET extra_float_digits = 1; SET bytea_output = 'hex'; SET lc_monetary = 'C'; SET lc_numeric = 'C'"
)


def read_database_fields(source: Source) -> tuple[str, ...]:
    """Return the names of the result's columns.

    Raises:
        Refusal: the query fails, or a column's name is there twice.
    """
    with _result(source) as result:
        return _names(source, result)


def read_database(source: Source) -> Iterator[tuple[int, dict[str, Any] | Bad]]:
    """Yield each row, or why it cannot be read, and its number; the result is never held whole.

    Raises:
        Refusal: the query fails, at once or on the way.
    """
    with _result(source) as result:
        names = _names(source, result)
        for number, row in enumerate(result, 1):
            yield number, _record(names, row)


def _record(names: tuple[str, ...], row: Any) -> dict[str, Any] | Bad:  # noqa: ANN401 - SQLAlchemy's row
    try:
        return dict(zip(names, map(plain, row)))
    except ValueError as error:
        return bad(f"{error}; make it a text in the `query:`", repr(tuple(row)))


def _names(source: Source, result: Any) -> tuple[str, ...]:  # noqa: ANN401 - SQLAlchemy is imported late
    names = tuple(result.keys())
    for name in names:
        if names.count(name) > 1:
            raise Refusal(f"source {source}: the column {name} is there twice; name it with AS in `query:`")
    return names


@contextmanager
def _result(source: Source) -> Iterator[Any]:
    if not isinstance(source, Query):
        raise TypeError(f"{source} is no query")
    sqlalchemy = library("sqlalchemy", "SQLAlchemy", f"source {source}")
    if source.file is not None and not source.file.is_file():  # SQLite would make it
        raise Refusal(f"source {source}: there is no file {source.file}; correct `from:` or `sources:`")
    try:
        engine = sqlalchemy.create_engine(expanded(source.url), poolclass=sqlalchemy.pool.NullPool)
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql(_AS_TEXT)
            with _streamed(sqlalchemy, connection, source) as result:
                yield result
    except sqlalchemy.exc.SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        text = " ".join(str(cause).split())
        raise Refusal(f"source {source} cannot be read: {without_secrets(text, source.url)}") from error
    except ImportError as error:
        raise Refusal(
            f"source {source} needs the driver that its URL names ({error}): install it on the worker"
        ) from error


def _streamed(sqlalchemy: Any, connection: Any, source: Query) -> Any:  # noqa: ANN401 - imported late
    """Run the statement with a server-side cursor, where the driver has one."""
    if source.query:
        # As written: a colon or a percent sign in it is no parameter.
        statement, run = (
            source.query,
            connection.execution_options(
                stream_results=True, yield_per=_ROWS, no_parameters=True
            ).exec_driver_sql,
        )
    else:
        schema, _, name = source.table.rpartition(".")
        table = sqlalchemy.table(name, schema=schema or None)
        statement = sqlalchemy.select(sqlalchemy.literal_column("*")).select_from(table)
        run = connection.execution_options(stream_results=True, yield_per=_ROWS).execute
    return run(statement)


CODE = Code(lambda source, _: read_database(source), lambda source, _: read_database_fields(source))
