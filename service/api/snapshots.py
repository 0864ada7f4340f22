"""``/api/snapshots``: what is on the volume."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException

from ..jobs.snapshots import StatusError
from .parts import ANSWERS, Refused, The, Viewer

router = APIRouter(prefix="/api", tags=["volume"], responses=ANSWERS)


@router.get(
    "/snapshots",
    responses={503: {"model": Refused, "description": "The hosts did not answer"}},
)
def snapshots(parts: The, _: Viewer) -> dict[str, Any]:
    """Return what `playbooks/status.yml` found, at most a few seconds ago: `volume`, `load`, `failures`."""
    try:
        return parts.status.now()
    except StatusError as error:
        raise HTTPException(503, str(error)) from None
