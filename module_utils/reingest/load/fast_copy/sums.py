"""The sum of rows that are made one by one, of their fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...postgres.dsn import connect
from ..canonical import Canonical, UncastableError, loaded_types
from ..content_sum import ContentSum
from ..copy_rows import BadRowsError
from ..rows import Feed


class SentSum:
    """Sums up; ``content`` is None where no ``dsn`` is given, and nothing is to be summed.

    The connection to the database that values are asked of is opened by the process that sums.
    """

    def __init__(self, feed: Feed, dsn: str) -> None:
        self.content = ContentSum() if dsn else None
        self._feed = feed
        self._dsn = dsn
        self._connection: Any = None
        self._canonical: Canonical | None = None

    def add(self, columns: Sequence[Sequence[str]]) -> None:
        """Add rows: for each loaded column of the table its fields, as COPY reads them.

        Raises:
            BadRowsError: the server would refuse a row.
        """
        if self.content is None:
            return
        if self._canonical is None:
            self._connection = connect(self._dsn, autocommit=True)
            self._canonical = Canonical(self._connection, loaded_types(self._feed))
        try:
            self.content.add(self._canonical.lines_of(columns))
        except UncastableError as error:
            raise BadRowsError from error

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = self._canonical = None
