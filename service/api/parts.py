"""What the service's routes work with, and what they refuse alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Path, Request
from pydantic import BaseModel

from ..identity.principal import READ, Principal
from ..identity.provider import Provider
from ..identity.roles import VIEWER, People
from ..identity.sessions import Sessions
from ..identity.tokens import Tokens
from ..jobs.keeper import Keeper
from ..jobs.snapshots import Status
from ..settings import Settings
from ..store.jobs import Job, JobStore


@dataclass(frozen=True)
class Parts:
    """All of the service, as ``app`` puts it together."""

    settings: Settings
    jobs: JobStore
    keeper: Keeper
    status: Status
    people: People
    sessions: Sessions
    tokens: Tokens
    provider: Provider


class Refused(BaseModel):
    """Why not."""

    detail: str
    run: dict[str, Any] | None = None  # of 409: who has the volume


ANSWERS: dict[int | str, dict[str, Any]] = {
    401: {"model": Refused, "description": "Nobody is signed in, and no valid token was sent"},
    403: {"model": Refused, "description": "This person, or this token, may not"},
}
NOT_THERE: dict[int | str, dict[str, Any]] = {404: {"model": Refused, "description": "There is no such job"}}
TAKEN: dict[int | str, dict[str, Any]] = {
    409: {"model": Refused, "description": "Not now; the run that is in the way"}
}
TOO_LONG: dict[int | str, dict[str, Any]] = {
    413: {"model": Refused, "description": "The request is too long"}
}


def parts_of(request: Request) -> Parts:
    """Return the service's parts."""
    found: Parts = request.app.state.parts
    return found


def principal_of(request: Request) -> Principal:
    """Return who asks; the gate let nobody unknown in."""
    found: Principal = request.state.principal
    return found


def needs(role: str, scope: str = READ) -> Callable[[Request], Principal]:
    """Return a dependency that refuses whoever has not the role, or whose token has not the scope."""

    def checked(request: Request) -> Principal:
        principal = principal_of(request)
        refuse_missing(principal, role, scope)
        return principal

    return checked


def refuse_missing(principal: Principal, role: str, scope: str) -> None:
    """Refuse with 403 whoever has not the role, or whose token has not the scope."""
    if principal.may(role, scope):
        return
    if principal.scopes is not None and scope not in principal.scopes:
        raise HTTPException(403, f"{principal.through} has not the scope {scope}")
    has = f"is {principal.role}" if principal.role else "has no role"
    raise HTTPException(
        403, f"{principal.person} {has} here, and this needs {role}: the signers' file has the roles"
    )


def job_of(request: Request, job: Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]) -> Job:
    """Return the job that a path names, or answer 404."""
    found = parts_of(request).jobs.find(job)
    if found is None:
        raise HTTPException(404, f"there is no job {job}")
    return found


Viewer = Annotated[Principal, Depends(needs(VIEWER))]
The = Annotated[Parts, Depends(parts_of)]
Named = Annotated[Job, Depends(job_of)]
