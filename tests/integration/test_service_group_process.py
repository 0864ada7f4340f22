"""Plain processes as services, with a real PostgreSQL among them."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import psycopg2
import pytest
from clusters import edit_control, initialise, process_in, programs, unprivileged
from deployment import free_port
from waiting import wait_for

from plugins.module_utils.reingest.engines.model import Health, Service
from plugins.module_utils.reingest.engines.process.engine import ProcessEngine
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.postgres.control import read_control
from plugins.module_utils.reingest.preflight.services import Looked, check_services
from plugins.module_utils.reingest.services.group import apply_group, plan_group

STUBBORN = ("sh", "-c", "trap '' TERM INT; while :; do sleep 0.02; done")


@pytest.fixture(scope="module")
def place():
    """Return a folder that the servers' account can reach."""
    root = Path(tempfile.mkdtemp(prefix="reingest-process-", dir="/var/tmp"))
    root.chmod(0o755)
    yield root
    shutil.rmtree(root)


@pytest.fixture
def engine(tmp_path):
    return ProcessEngine(tmp_path / "records")


@pytest.fixture
def service(engine):
    """Return ``make(name, *command, **values)``; what runs at the end is killed."""
    made = []

    def make(name, *command, **values):
        made.append(Service(name, command=command, **values))
        return made[-1]

    yield make
    for one in made:
        pid = engine._pid(one)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def db(place, service, request):
    """Return a PostgreSQL that was just initialised, in ``staging/`` with ``prod`` leading to it."""
    account = unprivileged()
    volume = place / request.node.name
    data = volume / "staging" / "20261123T114500Z"
    data.parent.mkdir(parents=True)
    os.chown(data.parent, account.pw_uid, account.pw_gid)
    binaries = programs(16, place)
    initialise(binaries, data)
    (volume / "prod").symlink_to("staging/20261123T114500Z")
    port = free_port()
    options = ["-c", f"port={port}", "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
    return service(
        "db",
        str(binaries / "postgres"),
        "-D",
        str(volume / "prod"),
        *options,
        kind="postgresql",
        data=volume / "prod",
        linked=True,
        user=account.pw_name,
        health=Health(postgresql=f"postgresql://postgres@127.0.0.1:{port}/postgres"),
    )


def bring(engine, service, state, *, stop=20, start=20):
    plan = plan_group(engine, [service] if isinstance(service, Service) else service, state)
    apply_group(engine, plan, stop_timeout=stop, start_timeout=start)
    return plan.changed


class TestPostgreSQL:
    def test_it_starts_healthy_and_a_second_start_changes_nothing(self, engine, db):
        assert bring(engine, db, "started")
        assert not bring(engine, db, "started")
        assert check_services(engine, [db]) == Looked((), ("db",), ())
        assert read_control(db.data).state == "in production"
        assert bring(engine, db, "stopped")

    def test_it_stops_in_order_with_a_client_in_a_transaction(self, engine, db):
        bring(engine, db, "started")
        client = psycopg2.connect(db.health.postgresql)
        with client.cursor() as cursor:
            cursor.execute("create table kept (id int)")
        began = time.monotonic()
        assert engine.stop(db, 20).code == 0
        assert time.monotonic() - began < 5
        client.close()
        assert read_control(db.data).clean
        assert not (db.data / "postmaster.pid").exists()
        assert not bring(engine, db, "stopped")

    def test_after_a_kill_it_is_stopped_and_its_directory_not_clean(self, engine, db):
        bring(engine, db, "started")
        os.kill(engine._pid(db), signal.SIGKILL)
        wait_for(lambda: not engine.running(db), "the server ended")
        assert not bring(engine, db, "stopped")
        assert not read_control(db.data).clean

    def test_one_that_was_killed_as_it_made_its_lock_file_starts_without_a_hand(self, engine, db):
        lock = db.data / "postmaster.pid"
        lock.touch(mode=0o600)
        os.chown(lock, unprivileged().pw_uid, unprivileged().pw_gid)
        with process_in(db.data), pytest.raises(Refusal, match="is in use"):
            bring(engine, db, "started")
        assert lock.exists()  # the process there may be the server that makes it
        bring(engine, db, "started")
        assert lock.read_text().startswith(f"{engine._pid(db)}\n")

    def test_it_is_not_started_without_prod(self, engine, db):
        db.data.unlink()
        with pytest.raises(Refusal, match=r"db is not started: .*/prod is not there.*promote a load first"):
            bring(engine, db, "started")
        db.data.mkdir()
        with pytest.raises(Refusal, match=r"db is not started: .*/prod is no link"):
            bring(engine, db, "started")

    def test_it_is_checked_also_when_it_was_never_started(self, engine, db):
        db.data.unlink()
        assert check_services(engine, [db]) == Looked((), (), ("db",))

    def test_it_is_not_started_where_prod_leads_to_nothing(self, engine, db):
        db.data.unlink()
        db.data.symlink_to("staging/20261124T000000Z")
        with pytest.raises(Refusal, match="leads to staging/20261124T000000Z, which is no data directory"):
            bring(engine, db, "started")

    def test_a_second_server_on_the_directory_is_refused(self, engine, db, service):
        bring(engine, db, "started")
        second = service("second", *db.command, kind="postgresql", data=db.data, user=db.user)
        with pytest.raises(
            Refusal, match=r"second is not started: .* is in use: process \d+ \(\S+\) works in it"
        ):
            bring(engine, second, "started")
        bring(engine, db, "stopped")

    def test_another_server_at_the_address_is_found_out(self, engine, db, service, tmp_path):
        bring(engine, db, "started")
        other = tmp_path / "other"
        shutil.copytree(db.data / "global", other / "global")
        edit_control(other, identifier=42)
        mixed = service("mixed", "sleep", "600", kind="postgresql", data=other, health=db.health)
        with pytest.raises(
            Refusal, match=r"mixed: the server that answers has system identifier \d+, .* has 42"
        ):
            bring(engine, mixed, "started")
        bring(engine, db, "stopped")

    def test_one_that_does_not_come_up_is_told_with_its_last_words(self, engine, db):
        (db.data / "postgresql.conf").write_text("nonsense = on\n")
        began = time.monotonic()
        with pytest.raises(Refusal, match=r"db is not running; its log ends: .*nonsense"):
            bring(engine, db, "started")
        assert time.monotonic() - began < 10

    def test_a_wrong_password_is_refused_at_once_and_never_shown(self, engine, db):
        hba = db.data / "pg_hba.conf"
        hba.write_text("host all all all scram-sha-256\n")
        url = db.health.postgresql.replace("postgres@", "postgres:geheim@")
        wrong = Service(**{**vars(db), "health": Health(postgresql=url)})
        with pytest.raises(
            Refusal, match=r"db: the login is refused: .*check the account and its password"
        ) as told:
            bring(engine, wrong, "started")
        assert "geheim" not in str(told.value)
        bring(engine, db, "stopped")


class TestAnything:
    def test_the_exit_code_is_known_to_a_later_module(self, engine, service):
        one = service("one", "sh", "-c", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.02; done")
        bring(engine, one, "started")
        wait_for(lambda: "ready" in engine.last_words(one), "the service is ready")
        assert ProcessEngine(engine.records).stop(one, 20).code == 7
        assert engine.stop(one, 20).code is None

    def test_the_service_outlives_the_process_that_started_it(self, engine, service):
        one = service("one", "sleep", "600")
        child = os.fork()
        if child == 0:
            engine.start(one)
            os._exit(0)
        os.waitpid(child, 0)
        assert engine.running(one)
        assert bring(engine, one, "stopped")

    def test_one_that_does_not_stop_is_not_killed(self, engine, service):
        one = service("one", *STUBBORN)
        bring(engine, one, "started")
        with pytest.raises(
            Refusal, match=r"one \(process \d+\) still runs 0 s after it was asked to stop; it was not killed"
        ):
            engine.stop(one, 0.2)
        assert engine.running(one)

    def test_three_stop_in_the_time_of_the_slowest(self, engine, service):
        slow = ("sh", "-c", "trap 'sleep 0.6; exit 0' TERM; echo ready; while :; do sleep 0.02; done")
        group = [service(name, *slow) for name in ("one", "two", "three")]
        bring(engine, group, "started")
        wait_for(lambda: all("ready" in engine.last_words(one) for one in group), "all are ready")
        began = time.monotonic()
        assert bring(engine, group, "stopped")
        assert time.monotonic() - began < 1.2

    def test_all_failures_are_told_and_the_others_get_there(self, engine, service):
        group = [service("one", *STUBBORN), service("two", "sleep", "600"), service("three", *STUBBORN)]
        bring(engine, group, "started")
        with pytest.raises(Refusal, match=r"service one .*; service three .* still runs"):
            bring(engine, group, "stopped", stop=0.3)
        assert [engine.running(one) for one in group] == [True, False, True]

    def test_a_process_id_that_was_used_again_is_not_taken_for_the_service(self, engine, service):
        one = service("one", "sleep", "600")
        bring(engine, one, "started")
        record = engine.records / "one.process"
        pid, _, rest = record.read_text().partition(" ")
        os.kill(int(pid), signal.SIGKILL)
        record.write_text(f"{os.getpid()} {rest}")
        assert not engine.running(one)

    def test_what_cannot_run_is_told_before_anything_is_done(self, engine, service, tmp_path):
        group = [
            service("nothing"),
            service("typo", "no-such-program"),
            service("lost", "sleep", "1", directory=tmp_path / "lost"),
        ]
        with pytest.raises(Refusal) as told:
            plan_group(engine, group, "started")
        assert "service nothing has no command" in str(told.value)
        assert "no-such-program is not an executable on this host" in str(told.value)
        assert "lost is not there: create it" in str(told.value)
        assert not engine.records.exists()

    def test_a_web_service_is_waited_for(self, engine, service, tmp_path):
        port = free_port()
        (tmp_path / "health").write_text('{"status": "ok", "release": "r2"}')
        command = [
            sys.executable,
            "-m",
            "http.server",
            str(port),
            "--bind",
            "127.0.0.1",
            "--directory",
            str(tmp_path),
        ]
        url = f"http://127.0.0.1:{port}/health"
        web = service("web", *command, health=Health(http=url, json={"release": "r2"}))
        bring(engine, web, "started")
        probe = Service("portal", kind="probe", health=Health(http=url, json={"release": "r3"}))
        with pytest.raises(
            Refusal, match=r"portal is not healthy after 0 s: .* answers release 'r2', expected 'r3'"
        ):
            bring(engine, probe, "healthy", start=0.2)
        bring(engine, web, "stopped")
