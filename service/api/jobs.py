"""``/api/jobs``: start, follow and cancel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, HTTPException
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel

from plugins.module_utils.reingest.errors import Refusal

from ..identity.principal import Principal
from ..identity.roles import LOADER
from ..jobs.folder import read
from ..jobs.kinds import KINDS, Asked, Kind, refuse_sources
from ..jobs.log import follow
from ..jobs.progress import progress_of
from ..store.jobs import Job, Occupied, Order
from .parts import ANSWERS, NOT_THERE, TAKEN, TOO_LONG, Named, Parts, The, Viewer, needs, refuse_missing

router = APIRouter(prefix="/api/jobs", tags=["jobs"], responses=ANSWERS)


class JobView(BaseModel):
    """A job, as it is now."""

    id: str
    kind: str
    check: bool
    asked: dict[str, Any]
    person: str
    through: str
    asked_at: str
    state: str
    ended_at: str | None
    code: int | None
    why: str
    cancelled_by: str
    parent: str
    run: str | None = None
    play: str | None = None
    task: str | None = None
    window: bool = False
    load: dict[str, Any] | None = None


class JobList(BaseModel):
    """The newest jobs, the last one first."""

    jobs: list[JobView]


def view(parts: Parts, job: Job, *, whole: bool = True) -> JobView:
    """Return a job with how far it is."""
    shown = {
        name: value for name, value in vars(job).items() if name not in ("dry", "active", "authenticated")
    }
    more = progress_of(parts.keeper.folder(job)) if whole else {}
    return JobView(check=job.dry, **shown, **more)


def taken(job: Job | None) -> JSONResponse:
    """Return 409, naming the job that has the one place there is."""
    if job is None:
        return JSONResponse({"detail": "another job has just ended: ask again", "run": None}, 409)
    run = {"job": job.id, "kind": job.kind, "person": job.person, "since": job.asked_at}
    told = (
        f"job {job.id} ({job.kind} of {job.person}, since {job.asked_at}) has the volume: wait, or cancel it"
    )
    return JSONResponse({"detail": told, "run": run}, 409)


def held(lock: dict[str, Any]) -> JSONResponse:
    """Return 409, naming a run that has the volume and was started elsewhere."""
    run = {name: lock.get(name) for name in ("run", "operator", "phase", "since", "controller")}
    told = (
        f"run {run['run']} of {run['operator']} has the volume since {run['since']}, from "
        f"{run['controller']}: wait until it ends; where it is dead, recover with take_over"
    )
    return JSONResponse({"detail": told, "run": run}, 409)


def _begins(kind: Kind) -> Callable[..., Any]:
    def begin(parts: The, asked: Asked, principal: Principal) -> Any:  # noqa: ANN401 - a view, or a refusal
        refuse_missing(principal, kind.needs(check=asked.check), kind.name)
        try:
            refuse_sources(asked, parts.settings.source_roots)
        except Refusal as refusal:
            wrong = {"type": "value_error", "loc": ("body", "sources"), "msg": str(refusal)}
            raise RequestValidationError([wrong]) from None
        active = parts.jobs.active()
        if active is not None:
            return taken(active)
        holder = parts.status.holder() if kind.name != "recover" else None
        if holder is not None:
            return held(holder)
        given = asked.model_dump(exclude={"check"}, exclude_unset=True)
        order = Order(
            kind.name, given, asked.check, principal.person, principal.through, principal.authenticated
        )
        try:
            job = parts.keeper.begin(order, asked.variables())
        except Occupied as occupied:
            return taken(occupied.job)
        return view(parts, job, whole=False)

    begin.__annotations__["asked"] = kind.model
    begin.__annotations__["principal"] = Annotated[Principal, Depends(needs(LOADER, kind.name))]
    return begin


for _kind in KINDS.values():
    router.post(
        f"/{_kind.name}",
        status_code=202,
        response_model=JobView,
        responses={**TAKEN, **TOO_LONG},
        summary=_kind.model.__doc__,
        operation_id=f"begin_{_kind.name}",
    )(_begins(_kind))


@router.get("")
def newest(parts: The, _: Viewer) -> JobList:
    """Return the newest jobs, the last one first."""
    return JobList(jobs=[view(parts, job, whole=job.active) for job in parts.jobs.newest()])


@router.get("/{job}", responses=NOT_THERE)
def one(parts: The, _: Viewer, job: Named) -> JobView:
    """Return a job: its state, where its run is, and how far the load is."""
    return view(parts, job)


@router.get(
    "/{job}/log",
    responses={**NOT_THERE, 200: {"content": {"text/event-stream": {}}, "description": "The log's lines"}},
    response_class=StreamingResponse,
)
async def log(
    parts: The,
    _: Viewer,
    job: Named,
    last_event_id: Annotated[str, Header(description="where a reader was: it goes on behind that")] = "0",
) -> StreamingResponse:
    """Return the log as it is written: server-sent events, each a line; the last, `end`, has the state."""
    offset = int(last_event_id) if last_event_id.isascii() and last_event_id.isdecimal() else 0

    def state() -> str:
        found = parts.jobs.find(job.id)
        return found.state if found else "lost"

    lines = follow(parts.keeper.folder(job) / "log", min(offset, 1 << 60), state)
    return StreamingResponse(lines, media_type="text/event-stream", headers={"x-accel-buffering": "no"})


@router.get("/{job}/report", responses=NOT_THERE)
def report(parts: The, _: Viewer, job: Named) -> dict[str, Any]:
    """Return the report of the job's run."""
    found = read(parts.keeper.folder(job) / "report.json")
    if found is None:
        raise HTTPException(404, f"job {job.id} has no report (yet): its run writes one as it ends")
    return found


@router.post("/{job}/cancel", status_code=202, responses={**NOT_THERE, **TAKEN, **TOO_LONG})
def cancel(
    parts: The, principal: Annotated[Principal, Depends(needs(LOADER, "cancel"))], job: Named
) -> JobView:
    """Interrupt a job and end its load; refused while production is being switched."""
    refuse_missing(principal, KINDS[job.kind].needs(check=job.dry), "cancel")
    try:
        parts.keeper.cancel(job, f"{principal.person} ({principal.through})")
    except Refusal as refusal:
        raise HTTPException(409, str(refusal)) from None
    return view(parts, parts.jobs.find(job.id) or job)
