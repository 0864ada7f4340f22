"""Containers are stopped so that they stay stopped, started as they were, and never confused."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psycopg2
import pytest
from containers import BASE, PASSWORD, docker, running, wait_for_log
from waiting import wait_for

from plugins.module_utils.reingest.engines.docker.engine import DockerEngine
from plugins.module_utils.reingest.engines.model import Health, Service, Stopped
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.postgres.control import read_control
from plugins.module_utils.reingest.preflight.services import Looked, check_services
from plugins.module_utils.reingest.services.group import apply_group, plan_group

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("docker_engine")
# A server in small: ends in order on SIGINT, as PostgreSQL does on a fast shutdown.
SERVER = "trap 'echo bye; exit 0' INT; echo ready; while :; do sleep 0.02; done"


@pytest.fixture
def engine(tmp_path):
    return DockerEngine(tmp_path / "records")


@pytest.fixture
def image(container, images):
    """Return ``make(change)``: the name of an image that is the base with a change."""

    def make(change):
        images.append(f"reingest-test-{uuid.uuid4().hex[:8]}")
        docker("commit", "--change", change, container(), images[-1])
        return images[-1]

    return make


def policy(name):
    return docker("inspect", "-f", "{{.HostConfig.RestartPolicy.Name}}", name)


def server(name, **values):
    return Service(name, kind="postgresql", **values)


def test_a_stop_puts_the_restart_policy_aside_and_a_start_gives_it_back(engine, container):
    name = container(SERVER, "--restart", "on-failure:3")
    wait_for_log(name, "ready")
    service = server(name)
    assert engine.stop(service, 20).code == 0
    assert (running(name), policy(name)) == (False, "no")
    record = json.loads((engine.records / f"{name}.json").read_text())
    assert record["policy"] == {"Name": "on-failure", "MaximumRetryCount": 3}
    assert engine.held(service)
    engine.start(service)
    assert (running(name), policy(name)) == (True, "on-failure")
    assert docker("inspect", "-f", "{{.HostConfig.RestartPolicy.MaximumRetryCount}}", name) == "3"
    assert not list(engine.records.iterdir())


def test_a_second_stop_keeps_the_recorded_policy(engine, container):
    name = container(SERVER, "--restart", "always")
    wait_for_log(name, "ready")
    engine.stop(server(name), 20)
    assert engine.stop(server(name), 20).code is None
    engine.start(server(name))
    assert policy(name) == "always"


def test_a_stop_that_died_before_the_signal_is_gone_on_with(engine, container):
    name = container(SERVER, "--restart", "always")
    wait_for_log(name, "ready")
    engine.prepare_stop(server(name))
    assert (running(name), policy(name)) == (True, "no")
    plan = plan_group(engine, [server(name)], "started")
    assert plan.did() == [f"give {name} its restart policy back"]
    apply_group(engine, plan, stop_timeout=20, start_timeout=20)
    assert (running(name), policy(name)) == (True, "always")
    assert not plan_group(engine, [server(name)], "started").changed


def test_a_stopped_container_that_would_come_back_is_kept_stopped(engine, container):
    name = container(SERVER, "--restart", "always", start=False)
    plan = plan_group(engine, [server(name)], "stopped")
    assert plan.did() == [f"keep {name} stopped"]
    apply_group(engine, plan, stop_timeout=20, start_timeout=20)
    assert policy(name) == "no"
    assert not plan_group(engine, [server(name)], "stopped").changed


def test_the_record_of_a_container_that_was_replaced_is_stale(engine, container):
    name = container(SERVER, "--restart", "always")
    wait_for_log(name, "ready")
    engine.stop(server(name), 20)
    docker("rm", name)
    docker("create", "--name", name, BASE, "sh", "-c", SERVER)
    assert not engine.held(server(name))
    engine.start(server(name))
    assert policy(name) == "no"
    assert not list(engine.records.iterdir())


def test_a_server_is_never_killed(engine, container):
    name = container("trap '' INT TERM; echo ready; while :; do sleep 0.02; done")
    wait_for_log(name, "ready")
    began = time.monotonic()
    with pytest.raises(
        Refusal, match="still runs 1 s after it was asked for a fast shutdown; it was not killed"
    ):
        engine.stop(server(name), 1)
    assert time.monotonic() - began < 3
    assert running(name)


def test_anything_else_gets_its_stop_signal_and_is_killed_when_the_time_is_over(engine, container):
    polite = container(
        "trap 'exit 7' USR1; echo ready; while :; do sleep 0.02; done", "--stop-signal", "SIGUSR1"
    )
    stubborn = container("trap '' TERM; echo ready; while :; do sleep 0.02; done")
    wait_for_log(polite, "ready")
    wait_for_log(stubborn, "ready")
    assert engine.stop(Service(polite), 20) == Stopped(7)
    assert engine.stop(Service(stubborn), 1) == Stopped(137, killed=True)


def test_a_service_that_had_to_be_killed_is_a_warning(run_module, container, tmp_path):
    stubborn = container("trap '' TERM; echo ready; while :; do sleep 0.02; done")
    wait_for_log(stubborn, "ready")
    stopped = run_module(
        "service_group",
        state="stopped",
        engine="docker",
        records=str(tmp_path / "records"),
        services=[{"name": stubborn}],
        stop_timeout=1,
    )
    told = f"{stubborn} did not end by its stop signal within 1 s, and was killed"
    assert told in str(stopped["warnings"])


def test_three_services_stop_in_the_time_of_the_slowest(engine, container):
    slow = "trap 'sleep 1; exit 0' INT TERM; echo ready; while :; do sleep 0.02; done"
    names = [container(slow, name=str(number)) for number in range(3)]
    for name in names:
        wait_for_log(name, "ready")
    plan = plan_group(engine, [server(names[0]), server(names[1]), Service(names[2])], "stopped")
    began = time.monotonic()
    apply_group(engine, plan, stop_timeout=20, start_timeout=20)
    assert time.monotonic() - began < 2.5
    assert not any(running(name) for name in names)


def test_an_exit_code_other_than_0_is_refused_with_the_last_words(engine, container):
    name = container("trap 'echo could not flush; exit 3' INT; echo ready; while :; do sleep 0.02; done")
    wait_for_log(name, "ready")
    plan = plan_group(engine, [server(name)], "stopped")
    with pytest.raises(Refusal, match=rf"{name} ended with exit code 3, not in order.*could not flush"):
        apply_group(engine, plan, stop_timeout=20, start_timeout=20)


def test_a_server_that_docker_starts_again_and_again_is_found_at_once(engine, container):
    name = container("echo no such directory; exit 1", "--restart", "always", start=False)
    plan = plan_group(engine, [server(name)], "started")
    began = time.monotonic()
    with pytest.raises(Refusal, match=rf"{name} is not running; its log ends: .*no such directory"):
        apply_group(
            engine,
            plan_group(engine, [server(name, health=Health(tcp="127.0.0.1:1"))], "started"),
            stop_timeout=20,
            start_timeout=20,
        )
    assert time.monotonic() - began < 10
    assert plan.changed
    apply_group(engine, plan_group(engine, [server(name)], "stopped"), stop_timeout=20, start_timeout=20)
    assert (running(name), policy(name)) == (False, "no")


def test_an_unknown_container_is_named_with_those_that_there_are(engine, container):
    name = container()
    with pytest.raises(Refusal, match=rf"there is no container nosuch on this host \(there are: .*{name}"):
        plan_group(engine, [server("nosuch")], "stopped")


def test_the_beginning_of_an_id_is_no_name(engine, container):
    identifier = docker("inspect", "-f", "{{.Id}}", container())
    with pytest.raises(Refusal, match=rf"there is no container {identifier[:6]} "):
        engine.running(Service(identifier[:6]))


def test_an_engine_that_does_not_answer_is_named(tmp_path):
    engine = DockerEngine(tmp_path, socket=str(tmp_path / "nothing.sock"))
    with pytest.raises(
        Refusal, match=r"Docker is not reachable at .*nothing.sock \(No such file or directory\)"
    ):
        plan_group(engine, [Service("db")], "stopped")


def test_an_account_that_may_not_use_the_engine_is_told_so(tmp_path):
    path = tmp_path / "docker.sock"
    script = (
        "import os, socket;"
        "from plugins.module_utils.reingest.engines.docker.api import DockerApi;"
        f"socket.socket(socket.AF_UNIX).bind({str(path)!r}); os.chmod({str(path)!r}, 0);"
        "os.geteuid() or (os.setgroups([]), os.setegid(65534), os.seteuid(65534));"
        f"DockerApi({str(path)!r}).call('GET', '/version')"
    )
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    tried = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert f"may not use the Docker engine at {path}: run as root (become: true)" in tried.stderr


def test_a_container_that_a_stop_would_delete_is_refused(engine, container):
    name = container(SERVER, "--rm")
    with pytest.raises(Refusal, match="was created with --rm, a stop would delete it"):
        plan_group(engine, [Service(name)], "stopped")


def test_servers_of_different_images_are_refused(engine, container, image):
    one, same = container(name="one"), container(name="same")
    assert plan_group(engine, [server(one), server(same)], "stopped").changed
    other = container(name="other", image=image("LABEL other=yes"))
    with pytest.raises(Refusal, match=rf"of different images: {one} .* and {other} .*corrupt indexes"):
        plan_group(engine, [server(one), server(other)], "stopped")
    assert plan_group(engine, [server(one), Service(other)], "stopped").changed


class TestDataDirectory:
    """The container's data directory must be the one that the inventory names."""

    @pytest.fixture
    def volume(self, tmp_path):
        root = tmp_path / "volume"
        (root / "staging" / "20261123T114500Z").mkdir(parents=True)
        (root / "ingest").mkdir()
        return root

    def faults(self, engine, name, data, *, linked=False):
        return engine.faults(server(name, data=data, linked=linked))

    def test_the_volume_mounted_as_a_whole_is_right_also_before_there_is_a_prod(
        self, engine, container, volume
    ):
        name = container(SERVER, "-v", f"{volume}:/srv/pg", "-e", "PGDATA=/srv/pg/prod", start=False)
        assert self.faults(engine, name, volume / "prod", linked=True) == []
        (volume / "prod").symlink_to("staging/20261123T114500Z")
        assert self.faults(engine, name, volume / "prod", linked=True) == []

    def test_another_directory_is_named_beside_the_inventorys(self, engine, container, volume):
        name = container(SERVER, "-v", f"{volume}:/srv/pg", "-e", "PGDATA=/srv/pg/prod", start=False)
        (fault,) = self.faults(engine, name, volume / "ingest")
        assert (
            f"works in {volume}/prod (its PGDATA /srv/pg/prod), the inventory says {volume}/ingest" in fault
        )

    def test_the_innermost_mount_counts(self, engine, container, volume, tmp_path):
        options = [
            "-v",
            f"{volume}:/srv/pg",
            "-v",
            f"{tmp_path}/other:/srv/pg/ingest",
            "-e",
            "PGDATA=/srv/pg/ingest",
        ]
        name = container(SERVER, *options, start=False)
        (fault,) = self.faults(engine, name, volume / "ingest")
        assert f"works in {tmp_path}/other" in fault

    def test_a_directory_on_no_mount_is_refused(self, engine, container, volume):
        name = container(SERVER, "-e", "PGDATA=/var/lib/postgresql/data", start=False)
        (fault,) = self.faults(engine, name, volume / "prod")
        assert "has its data directory /var/lib/postgresql/data on no mount" in fault

    def test_no_word_of_a_data_directory_is_refused(self, engine, container, volume):
        name = container(SERVER, "-v", f"{volume}:/srv/pg", start=False)
        (fault,) = self.faults(engine, name, volume / "prod")
        assert "does not say where its data directory is: create it with PGDATA" in fault

    def test_the_images_pgdata_counts_where_the_container_has_none(self, engine, container, image, volume):
        with_pgdata = image("ENV PGDATA=/srv/pg/ingest")
        name = container(SERVER, "-v", f"{volume}:/srv/pg", image=with_pgdata, start=False)
        assert self.faults(engine, name, volume / "ingest") == []

    def test_prod_itself_as_a_mounts_source_is_refused(self, engine, container, volume):
        (volume / "prod").symlink_to("staging/20261123T114500Z")
        name = container(SERVER, "-v", f"{volume}/prod:/data", "-e", "PGDATA=/data", start=False)
        (fault,) = self.faults(engine, name, volume / "prod", linked=True)
        assert f"has {volume}/prod itself as the source of a mount: Docker resolves the link once" in fault

    def test_a_docker_volume_is_found_at_its_mount_point(self, engine, container):
        name = container(SERVER, "-v", "/srv/pg", "-e", "PGDATA=/srv/pg/ingest", start=False)
        point = docker("inspect", "-f", "{{(index .Mounts 0).Source}}", name)
        assert self.faults(engine, name, Path(point) / "ingest") == []

    def test_a_docker_volume_over_a_directory_of_the_host_is_that_directory(self, engine, container, volume):
        over = f"reingest-test-{uuid.uuid4().hex[:8]}"
        docker("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", f"device={volume}", over)
        try:
            name = container(SERVER, "-v", f"{over}:/srv/pg", "-e", "PGDATA=/srv/pg/ingest", start=False)
            assert self.faults(engine, name, volume / "ingest") == []
            docker("rm", name)
        finally:
            docker("volume", "rm", over)


class TestHealth:
    """A container is healthy when it says so itself, where that is what was declared."""

    def wait(self, engine, service, timeout=20):
        plan = plan_group(engine, [service], "healthy")
        apply_group(engine, plan, stop_timeout=20, start_timeout=timeout)

    def test_the_containers_own_check_is_waited_for(self, engine, container):
        check = ["--health-cmd", "test -e /tmp/well", "--health-interval", "0.1s", "--health-retries", "1000"]
        name = container("sleep 0.5; touch /tmp/well; sleep 600", *check)
        service = Service(name, health=Health(container=True))
        assert engine.healthy(service) is False
        self.wait(engine, service)
        assert engine.healthy(service) is True

    def test_a_check_that_says_no_ends_the_wait_with_the_last_words(self, engine, container):
        name = container("echo no database; sleep 600", "--health-cmd", "false", "--health-interval", "0.1s")
        wait_for_log(name, "no database")
        with pytest.raises(Refusal, match=rf"{name} is not healthy after 1 s: .*its log ends: no database"):
            self.wait(engine, Service(name, health=Health(container=True)), timeout=1)

    def test_a_container_without_a_check_cannot_be_asked(self, engine, container):
        service = Service(container(), health=Health(container=True))
        assert engine.healthy(service) is None
        with pytest.raises(Refusal, match="has no health check of its own"):
            self.wait(engine, service)

    def test_a_container_that_ended_is_not_healthy(self, engine, container):
        name = container("echo gone; exit 4")
        docker("wait", name)
        assert engine.healthy(Service(name)) is False
        with pytest.raises(Refusal, match=f"{name} is not running; its log ends: gone"):
            self.wait(engine, Service(name))

    @pytest.mark.parametrize("options", [[], ["-t"]])
    @pytest.mark.parametrize("stream", [1, 2])
    def test_the_last_words_are_readable_with_and_without_a_terminal(
        self, engine, container, options, stream
    ):
        name = container(f"for i in 1 2 3 4 5 6 7; do echo line $i >&{stream}; done; sleep 600", *options)
        wait_for(lambda: "line 7" in engine.last_words(Service(name)), "all lines are there")
        assert engine.last_words(Service(name)) == "line 3 | line 4 | line 5 | line 6 | line 7"


class TestPostgreSQL:
    """A real PostgreSQL in a container is stopped in order, and proven to be the right one."""

    @pytest.fixture
    def db(self, postgres, container, tmp_path):
        (tmp_path / "volume").mkdir()
        environment = ["-e", "PGDATA=/srv/pg/ingest", "-e", f"POSTGRES_PASSWORD={PASSWORD}"]
        options = ["-v", f"{tmp_path}/volume:/srv/pg", "-p", "127.0.0.1::5432", "--restart", "always"]
        name = container("", *options, *environment, image=postgres)
        port = docker("port", name, "5432/tcp").splitlines()[0].rpartition(":")[2]
        dsn = f"postgresql://postgres:{PASSWORD}@127.0.0.1:{port}/postgres"
        return server(name, data=tmp_path / "volume" / "ingest", health=Health(postgresql=dsn))

    def apply(self, engine, db, state):
        plan = plan_group(engine, [db], state)
        apply_group(engine, plan, stop_timeout=60, start_timeout=60)
        return plan.changed

    def test_it_stops_cleanly_with_a_client_connected_and_comes_back_as_it_was(self, engine, db):
        self.apply(engine, db, "healthy")
        client = psycopg2.connect(db.health.postgresql)
        with client.cursor() as cursor:
            cursor.execute("create table kept (id int)")  # and the transaction stays open
        assert self.apply(engine, db, "stopped")
        client.close()
        assert read_control(db.data).clean
        assert docker("inspect", "-f", "{{.State.ExitCode}}", db.name) == "0"
        assert policy(db.name) == "no"
        undeclared = server(db.name, data=db.data)  # Docker publishes another port at each start
        assert self.apply(engine, undeclared, "started")
        assert policy(db.name) == "always"
        assert not self.apply(engine, undeclared, "started")

    def test_it_is_checked_where_it_runs(self, engine, db):
        self.apply(engine, db, "healthy")
        assert check_services(engine, [db]) == Looked((), (db.name,), ())

    def test_a_killed_server_is_not_clean(self, engine, db):
        self.apply(engine, db, "healthy")
        docker("update", "--restart", "no", db.name)
        docker("kill", db.name)
        assert not read_control(db.data).clean
        assert not self.apply(engine, db, "stopped")

    def test_a_second_server_on_the_directory_of_a_running_one_is_refused(
        self, engine, db, postgres, container
    ):
        self.apply(engine, db, "healthy")
        options = ["-v", f"{db.data.parent}:/srv/pg", "-e", "PGDATA=/srv/pg/ingest"]
        second = server(container("", *options, image=postgres, start=False), data=db.data)
        with pytest.raises(
            Refusal,
            match=rf"{db.data} is in use: process \d+ \(postgres\) of container {db.name} works in it",
        ):
            self.apply(engine, second, "started")
        assert not running(second.name)
