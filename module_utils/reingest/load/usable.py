"""A load that can be used at once: when all rows are there, what only follows from them is made."""

from __future__ import annotations

from contextlib import closing

from ..dataset.model import Dataset
from ..errors import Refusal
from ..postgres.dsn import connect
from .behind_rows import move_behind_rows
from .views import read_views, refresh_views


def make_usable(dsn: str, dataset: Dataset) -> None:
    """Set sequences past their highest values and refresh materialised views, in a session of its own.

    Raises:
        Refusal: a view cannot be refreshed, or the dataset names one that is not there.
    """
    with closing(connect(dsn)) as connection, connection.cursor() as cursor:
        move_behind_rows(connection)
        missing = sorted(dataset.views - read_views(cursor))
        if missing:
            raise Refusal(
                f"there is no materialised view {', '.join(missing)}: correct `views:` in {dataset.file}"
            )
        refresh_views(cursor, leave=dataset.unpopulated)
        connection.commit()
