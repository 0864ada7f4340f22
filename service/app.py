"""The service, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.staticfiles import StaticFiles

from .api import health, jobs, snapshots
from .api.parts import Parts
from .identity.gate import Gate
from .identity.provider import Provider
from .identity.roles import People
from .identity.sessions import Sessions
from .identity.signing import ServiceKey
from .identity.tokens import Tokens
from .jobs.keeper import Keeper
from .jobs.snapshots import Status
from .pages import home, sign_in
from .pages.templates import render
from .settings import Settings
from .store.database import open_store
from .store.jobs import JobStore

_STATIC = Path(__file__).with_name("pages") / "static"


def make_parts(settings: Settings) -> Parts:
    """Return the parts of the service; the store is opened, nothing runs yet."""
    engine = open_store(settings)
    store, status = JobStore(engine), Status(settings)
    key = ServiceKey(settings)
    return Parts(
        settings=settings,
        jobs=store,
        keeper=Keeper(settings, store, status, key),
        status=status,
        people=People(settings.people, own=settings.demo),
        sessions=Sessions(engine, settings.session_hours),
        tokens=Tokens(engine),
        provider=Provider(settings.oidc, f"{settings.url}/login/callback", plain=settings.demo),
    )


def make_app(settings: Settings) -> FastAPI:
    """Return the application."""
    parts = make_parts(settings)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        parts.keeper.open()
        yield
        parts.keeper.close()

    app = FastAPI(title="reingest", version="0.1.0", docs_url=None, redoc_url=None, lifespan=life)
    app.state.parts = parts
    for router in (jobs.router, snapshots.router, health.router, sign_in.router, home.router):
        app.include_router(router)
    swagger = files("fastapi_offline") / "static"  # carries the files of Swagger UI
    app.mount("/static/swagger", StaticFiles(directory=str(swagger)), name="swagger")
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_middleware(
        Gate,
        sessions=parts.sessions,
        tokens=parts.tokens,
        people=parts.people,
        secure=settings.secure,
        sign_in=lambda: render("sign_in.html", name=settings.name, issuer=settings.oidc.issuer),
    )
    return app


async def _malformed(_: Request, error: Exception) -> JSONResponse:
    """Return 422 with each field and what is wrong with it; what was sent is not sent back."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - it is registered for that
    found = [{"loc": list(one["loc"]), "msg": one["msg"], "type": one["type"]} for one in error.errors()]
    return JSONResponse({"detail": found}, 422)
