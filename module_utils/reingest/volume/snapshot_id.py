"""Snapshot ids: a UTC time, as `20261123T114500Z`; the runbook's `2026-11-23T11:45:00+00:00` is read too."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Annotated

from ..errors import Refusal

_FORM = "%Y%m%dT%H%M%SZ"
_RUNBOOK = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:\+00:?00|Z)?")


def new_id(now: datetime | None = None) -> str:
    """Return the id of a load that begins now."""
    return (now or datetime.now(timezone.utc)).strftime(_FORM)


def taken_at(snapshot: str) -> datetime | None:
    """Return the time that an id stands for; None when it is no id in either form."""
    if not snapshot.isascii():
        return None  # strptime takes the digits of any script
    try:
        return datetime.strptime(snapshot, _FORM).replace(tzinfo=timezone.utc)
    except ValueError:
        pass
    if not _RUNBOOK.fullmatch(snapshot):
        return None
    text = re.sub(r"(\.\d+)?(\+00:?00|Z)?$", "", snapshot)
    try:
        return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)
    except ValueError:
        return None


def is_id(text: str) -> bool:
    """Return whether a text is an id."""
    return taken_at(text) is not None


SnapshotId = Annotated[str, is_id]  # fields of records, see fs.record_values
MaybeSnapshotId = Annotated[str, lambda text: not text or is_id(text)]


def checked(snapshot: str) -> str:
    """Return the id.

    Raises:
        Refusal: the text is an id in neither form (a path, say).
    """
    if taken_at(snapshot) is None:
        raise Refusal(f"{snapshot!r} is not a snapshot id: expected a UTC time such as 20261123T114500Z")
    return snapshot
