"""The portal's application: its pages, its health and what it says when something is wrong."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, abort, g, jsonify, redirect, render_template, request, url_for
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as Redirection

from . import queries, shown

BIOSAMPLES_A_PAGE = 50
DATA_OBJECTS_A_PAGE = 25
CLIENT_LENGTH = 200
READ_ONLY = "25006"  # SQLSTATE read_only_sql_transaction: a switch is fencing the database
RETRY_AFTER_S = "5"


def create_app(engine: Engine, broken_release: str = "") -> Flask:
    """Return the portal over the database of ``engine``.

    ``broken_release`` injects a fault: the portal reports itself unhealthy while it serves that release.
    Tests of an undone switch need one that loads, verifies and starts, and only then turns out to be unfit.
    """
    app = Flask(__name__)
    app.add_template_filter(shown.grouped)
    app.add_template_filter(shown.size)
    _add_pages(app, engine)
    _add_health(app, engine, broken_release)
    _add_answers_to_trouble(app)

    @app.after_request
    def harden(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = "default-src 'self'; frame-ancestors 'none'"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return app


def _add_pages(app: Flask, engine: Engine) -> None:
    @app.url_value_preprocessor
    def refuse_unstorable_ids(_endpoint: str | None, values: dict[str, Any] | None) -> None:
        if any("\0" in value for value in (values or {}).values()):
            abort(404)  # PostgreSQL has no text with NUL, so nothing has such an id

    @app.get("/")
    def studies() -> str:
        with engine.connect() as connection:
            g.served = queries.served(connection)
            return render_template(
                "studies.html", studies=queries.studies(connection), totals=queries.totals(connection)
            )

    @app.get("/study/<path:study_id>")
    def study(study_id: str) -> str:
        with engine.connect() as connection:
            g.served = queries.served(connection)
            found = queries.study(connection, study_id)
            if found is None:
                abort(404, f"There is no study {study_id} in this release.")
            total = queries.count_data_objects(connection, study_id)
            page = shown.Page.wanted(request.args.get("page"), DATA_OBJECTS_A_PAGE, total)
            return render_template(
                "study.html",
                study=found,
                facts=shown.facts(found.annotations),
                omics_types=queries.omics_types(connection, study_id),
                data_objects=queries.data_objects(connection, study_id, page.size, page.offset),
                page=page,
                recorded=request.args.get("recorded"),
            )

    @app.get("/biosamples")
    def biosamples() -> str:
        prefix = request.args.get("q", "").replace("\0", "").strip()
        ecosystem = request.args.get("ecosystem", "").replace("\0", "")
        with engine.connect() as connection:
            g.served = queries.served(connection)
            total = queries.count_biosamples(connection, prefix, ecosystem)
            page = shown.Page.wanted(request.args.get("page"), BIOSAMPLES_A_PAGE, total)
            return render_template(
                "biosamples.html",
                prefix=prefix,
                ecosystem=ecosystem,
                ecosystems=queries.ecosystems(connection),
                biosamples=queries.biosamples(connection, prefix, ecosystem, page.size, page.offset),
                page=page,
            )

    @app.get("/biosample/<path:biosample_id>")
    def biosample(biosample_id: str) -> str:
        with engine.connect() as connection:
            g.served = queries.served(connection)
            found = queries.biosample(connection, biosample_id)
            if found is None:
                abort(404, f"There is no biosample {biosample_id} in this release.")
            return render_template(
                "biosample.html",
                biosample=found,
                facts=shown.facts(found.annotations),
                studies=queries.studies_of_biosample(connection, biosample_id),
            )

    @app.get("/data-object/<path:data_object_id>")
    def data_object(data_object_id: str) -> str:
        with engine.connect() as connection:
            g.served = queries.served(connection)
            found = queries.data_object(connection, data_object_id)
            if found is None:
                abort(404, f"There is no data object {data_object_id} in this release.")
            return render_template("data_object.html", data_object=found, recorded="recorded" in request.args)

    @app.post("/download/<path:data_object_id>")
    def download(data_object_id: str) -> Redirection:
        client = request.headers.get("User-Agent", "")[:CLIENT_LENGTH]
        with engine.begin() as connection:
            recorded = queries.record_download(connection, data_object_id, client)
        if not recorded:
            abort(404, f"There is no data object {data_object_id} in this release.")
        if "study" in request.form:  # the page the reader came from
            study_id, page = request.form["study"], request.form.get("page")
            back = url_for("study", study_id=study_id, page=page, recorded=data_object_id, _anchor="recorded")
            return redirect(back, 303)
        return redirect(url_for("data_object", data_object_id=data_object_id, recorded=""), 303)


def _add_health(app: Flask, engine: Engine, broken_release: str) -> None:
    @app.get("/health")
    def health() -> tuple[Response, int]:
        try:
            status, found = _health(engine, broken_release)
        except (OperationalError, PoolTimeout) as error:
            app.logger.warning("health: %s", _first_line(error))
            status, found = "the database does not answer", {}
        except DBAPIError as error:
            app.logger.warning("health: %s", _first_line(error))
            status, found = "the database cannot be read: it does not hold a whole release", {}
        answer = jsonify(status=status, **found)
        answer.headers["Cache-Control"] = "no-store"
        return answer, 200 if status == "ok" else 503


def _health(engine: Engine, broken_release: str) -> tuple[str, dict[str, Any]]:
    with engine.connect() as connection:
        served = queries.served(connection)
        if served is None:
            return "the database holds no finished load", {}
        tables = queries.table_counts(connection)
    found = {**served._asdict(), "tables": tables}
    if not tables.get("study"):
        return "the database holds no studies", found
    if served.release == broken_release:
        return "fault injected: PORTAL_BROKEN_RELEASE names this release", found
    return "ok", found


def _add_answers_to_trouble(app: Flask) -> None:
    @app.errorhandler(DBAPIError)
    @app.errorhandler(PoolTimeout)
    def no_database(error: DBAPIError | PoolTimeout) -> tuple[str, int, dict[str, str]]:
        app.logger.warning("%s %s: %s", request.method, request.path, _first_line(error))
        read_only = getattr(getattr(error, "orig", None), "pgcode", None) == READ_ONLY
        if read_only:
            title = "Downloads pause for a moment"
            message = (
                "A new release is about to be served, so nothing can be written just now. "
                "Your download was not recorded: please try again in a few seconds."
            )
        elif isinstance(error, (OperationalError, PoolTimeout)):
            title = "The database is away"
            message = (
                "The portal runs, but its database does not answer. "
                "This page works again as soon as the database is back."
            )
        else:
            title = "No release yet"
            message = (
                "The portal runs, but its database does not hold a whole release. It has to be loaded first."
            )
        page = render_template("error.html", title=title, message=message)
        return page, 503, {"Retry-After": RETRY_AFTER_S}

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> tuple[str, int]:
        title = "Nothing here" if error.code == 404 else error.name
        return render_template("error.html", title=title, message=error.description), error.code or 500


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).split("\n", 1)[0]
