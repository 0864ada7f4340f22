"""``/``: what is live, what runs, what ran; and ``/docs``."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse

from ..api.jobs import view
from ..api.parts import The, Viewer, parts_of, principal_of
from ..jobs.kinds import KINDS
from .templates import render

router = APIRouter(include_in_schema=False)


@router.get("/")
def home(request: Request) -> HTMLResponse:
    """Return the first page."""
    parts, principal = parts_of(request), principal_of(request)
    if not principal.may("viewer"):
        return HTMLResponse(render("no_role.html", principal=principal), 403)
    jobs = parts.jobs.newest(30)
    running = next((job for job in jobs if job.active), None)
    cancels = running is not None and principal.may(KINDS[running.kind].needs(check=running.dry), "cancel")
    known = (parts.status.known() or {}).get("volume") or {}
    page = render(
        "home.html",
        name=parts.settings.name,
        principal=principal,
        running=view(parts, running) if running else None,
        cancels=cancels,
        history=[job for job in jobs if not job.active],
        volume=known,
    )
    return HTMLResponse(page)


@router.get("/jobs/{job}")
def job_page(parts: The, principal: Viewer, job: str) -> HTMLResponse:
    """Return the page of one job: its state, its log."""
    found = parts.jobs.find(job)
    if found is None:
        raise HTTPException(404, f"there is no job {job[:40]}")
    cancels = found.active and principal.may(KINDS[found.kind].needs(check=found.dry), "cancel")
    return HTMLResponse(
        render(
            "job.html", name=parts.settings.name, principal=principal, job=view(parts, found), cancels=cancels
        )
    )


@router.get("/docs")
def docs(request: Request, _: Viewer) -> HTMLResponse:
    """Return the API's documentation, which can be tried out."""
    return HTMLResponse(render("docs.html", principal=principal_of(request)))
