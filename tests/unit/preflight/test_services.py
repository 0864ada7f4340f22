"""All that is wrong with a host's services is told at once."""

from __future__ import annotations

import http.server
import threading

import pytest

from plugins.module_utils.reingest.engines.model import Health, Service
from plugins.module_utils.reingest.engines.process.engine import ProcessEngine
from plugins.module_utils.reingest.preflight.found import Found
from plugins.module_utils.reingest.preflight.services import Looked, check_services
from plugins.module_utils.reingest.services.group import apply_group, plan_group

NOWHERE = "http://127.0.0.1:9/health"


@pytest.fixture
def start(tmp_path):
    """Return ``start(*services)``, which gives the engine that runs them; they are stopped at the end."""
    engine, started = ProcessEngine(tmp_path / "records"), []

    def run(*services):
        started.extend(services)
        apply_group(engine, plan_group(engine, services, "started"), stop_timeout=5, start_timeout=5)
        return engine

    yield run
    apply_group(engine, plan_group(engine, started, "stopped"), stop_timeout=5, start_timeout=5)


@pytest.fixture
def portal():
    """Return the address of a portal that says it is ill, and repeats a secret of its own."""

    class Ill(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(503)
            self.end_headers()
            self.wfile.write(b"no database for correct-horse-battery")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ill)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def service(name, **more):
    return Service(name, command=("sleep", "600"), **more)


def test_services_that_are_in_order_are_told_apart_by_whether_they_run(start):
    engine = start(service("a"))
    assert check_services(engine, [service("a"), service("b")]) == Looked((), ("a",), ("b",))


def test_every_service_with_a_fault_is_named(start, tmp_path):
    engine = start(service("a"))
    gone = Service("gone", command=("/no/such/program",))
    nowhere = Service("nowhere", command=("sleep", "1"), directory=tmp_path / "away")
    looked = check_services(engine, [gone, service("a"), nowhere, Service("bare")])
    assert [one.text.partition(":")[0] for one in looked.found] == [
        "service gone",
        "service nowhere",
        "service bare has no command",
    ]
    assert looked.running == ("a",)


def test_a_portal_that_runs_and_does_not_answer_is_found_by_its_name(start, portal):
    engine = start(service("web"), service("other"))
    ill = [
        service("web", health=Health(http=portal), environment={"TOKEN": "correct-horse-battery"}),
        service("other", health=Health(http=NOWHERE)),
        service("stopped", health=Health(http=NOWHERE)),
    ]
    looked = check_services(engine, ill)
    assert [one.name for one in looked.found] == ["health:web", "health:other"]
    assert "web runs, but is not healthy" in looked.found[0].text
    assert "answers 503: no database for ***" in looked.found[0].text


def test_a_server_that_works_in_another_directory_is_found(start, tmp_path):
    mine, copy = tmp_path / "mine", tmp_path / "copy"
    for folder in (mine, copy):
        folder.mkdir()
    command = ("sh", "-c", f"cd {copy}; exec sleep 600")
    engine = start(Service("db", command=command))
    db = Service("db", kind="postgresql", command=command, data=mine)
    assert check_services(engine, [db]).found == (
        Found(
            f"db runs, but no server works in {mine}: it serves another directory; correct its data "
            "directory (PGDATA), or the mount of the volume"
        ),
    )
    there = Service("db", kind="postgresql", command=command, data=copy)
    assert check_services(engine, [there]).found == ()


def test_definitions_that_nobody_can_read_are_told_alone(start):
    looked = check_services(start(), [Service("../a"), Service("b", linked=True)])
    assert len(looked.found) == 2
    assert (looked.running, looked.stopped) == ((), ())
