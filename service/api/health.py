"""``/healthz``: for whoever watches the service."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from .parts import Refused, parts_of

router = APIRouter(tags=["service"])


class Health(BaseModel):
    """All is well."""

    status: str = "ok"


@router.get(
    "/healthz",
    response_model=Health,
    responses={503: {"model": Refused, "description": "The store does not answer, or jobs are not followed"}},
)
def healthz(request: Request) -> Health | JSONResponse:
    """Say whether the store answers and jobs are followed."""
    parts = parts_of(request)
    try:
        parts.jobs.active()
    except SQLAlchemyError as error:
        return JSONResponse({"detail": f"the store does not answer ({type(error).__name__})"}, 503)
    if not parts.keeper.follows:
        return JSONResponse({"detail": "jobs are not followed: start the service again"}, 503)
    return Health()
