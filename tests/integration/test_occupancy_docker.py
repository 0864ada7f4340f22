"""A container that has a directory as its data directory is found, however it is mounted, and named."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest
from clusters import core_of, whole_cluster
from containers import BASE, PASSWORD, docker, running, wait_for_log, wait_for_loop
from tiers import full, sample, sample_of
from waiting import wait_for

from plugins.module_utils.reingest.engines.docker.engine import DockerEngine
from plugins.module_utils.reingest.engines.docker.kind import SOCKET
from plugins.module_utils.reingest.engines.model import Service
from plugins.module_utils.reingest.engines.occupancy import look, occupants, refuse_occupied
from plugins.module_utils.reingest.engines.process.engine import ProcessEngine
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.fs.durable import make_own_directory
from plugins.module_utils.reingest.postgres.control import read_control
from plugins.module_utils.reingest.promotion.finalised import FinaliseRecord
from plugins.module_utils.reingest.promotion.promote import apply_promotion, plan_promotion
from plugins.module_utils.reingest.retention.prune import apply_pruning, plan_pruning
from plugins.module_utils.reingest.services.alone import refuse_company
from plugins.module_utils.reingest.services.group import apply_group, plan_group
from plugins.module_utils.reingest.staging.discard import plan_discard
from plugins.module_utils.reingest.volume import ledger as ledger_file
from plugins.module_utils.reingest.volume.layout import Volume

pytestmark = pytest.mark.usefixtures("docker_engine")
A, B = "20261101T000000Z", "20261102T000000Z"
OPERATOR = "0000-0002-1825-0097"
ROOT = Path(__file__).parents[2]


STATES = ("running", "paused", "started again and again")
QUICK_WAYS = ("whole volume, PGDATA is prod", "prod itself, a link", "a link that leads out of its mount")


@pytest.fixture
def volume(tmp_path):
    """Return a volume with ``prod -> staging/A`` and an empty ``ingest/``."""
    root = tmp_path / "volume"
    (root / "staging" / A).mkdir(parents=True)
    (root / "ingest").mkdir()
    (root / "prod").symlink_to(f"staging/{A}")
    return root


def has_it(name, state="running"):
    return [f"container {name} has it as its data directory and is {state}"]


# What docker is told, and the data directory that the container is told; {v} is the volume, {a} the snapshot.
WAYS = {
    "whole volume, PGDATA is prod": (["-v", "{v}:/srv/pg"], "/srv/pg/prod"),
    "whole volume, PGDATA is the snapshot": (["-v", "{v}:/srv/pg"], "/srv/pg/staging/{A}/"),
    "whole volume, PGDATA with dots": (["-v", "{v}:/srv/pg"], "/srv/pg/ingest/../prod"),
    "the directory above the volume": (["-v", "{t}:/all"], "/all/volume/prod"),
    "the snapshot itself": (["-v", "{a}:/var/lib/postgresql/data"], "/var/lib/postgresql/data"),
    "prod itself, a link": (["-v", "{v}/prod:/data"], "/data"),
    "staging, below it the snapshot": (["-v", "{v}/staging:/old"], "/old/{A}"),
    "the snapshot over a part of another mount": (
        ["-v", "{t}/other:/data", "-v", "{a}:/data/pg"],
        "/data/pg",
    ),
    "a link in another mount": (["-v", "{t}/other:/links", "-v", "{v}:/srv/pg"], "/links/to-prod"),
    "a link that leads out of its mount": (["-v", "{t}/other:/links", "-v", "{v}:/srv/pg"], "/links/up"),
    "relative to the working directory": (["-v", "{v}:/srv/pg", "-w", "/srv/pg"], "prod"),
    "mount syntax": (
        ["--mount", "type=bind,source={v},target=/srv/pg,bind-propagation=private"],
        "/srv/pg/prod",
    ),
}


@pytest.fixture(params=sample(WAYS, *QUICK_WAYS))
def way(request, volume, tmp_path):
    """Return docker's options for one way to the snapshot."""
    (tmp_path / "other" / "pg").mkdir(parents=True)
    (tmp_path / "other" / "to-prod").symlink_to("/srv/pg/prod")  # as a container with both mounts sees it
    (tmp_path / "other" / "up").symlink_to(f"../srv/pg/staging/{A}")
    options, data = WAYS[request.param]
    names = {"v": volume, "a": volume / "staging" / A, "t": tmp_path, "A": A}
    return [one.format(**names) for one in [*options, "-e", f"PGDATA={data}"]]


def test_a_container_whose_server_is_not_there_yet_is_found(container, volume, way):
    name = container("sleep 600", *way)
    assert occupants(volume / "prod") == has_it(name)
    assert occupants(volume / "staging" / A) == has_it(name)
    assert occupants(volume / "ingest") == []
    docker("stop", "-t", "0", name)
    assert look(volume / "prod") == look(volume / "ingest")
    assert look(volume / "prod").occupants == ()


def test_one_that_docker_starts_again_and_again_is_found_between_two_starts(container, volume, way):
    name = container("exit 1", *way, "--restart", "always")
    wait_for_loop(name)
    assert occupants(volume / "prod") == has_it(name, "started again and again")
    assert occupants(volume / "ingest") == []


def test_a_paused_one_is_found(container, volume):
    name = container("sleep 600", "-v", f"{volume}:/srv/pg", "-e", "PGDATA=/srv/pg/prod")
    docker("pause", name)
    assert occupants(volume / "prod") == has_it(name, "paused")


@pytest.mark.parametrize(
    "arguments",
    sample_of(
        {
            "-D": (["-D", "/srv/pg/prod"],),
            "-Ddirectory": (["-D/srv/pg/prod"],),
            "-c": (["-c", "data_directory=/srv/pg/prod"],),
        },
        "-D",
    ),
)
def test_an_option_of_the_command_comes_before_pgdata(container, volume, arguments):
    options = ["-v", f"{volume}:/srv/pg", "-e", "PGDATA=/srv/pg/ingest", "--entrypoint", "/bin/sh"]
    name = container("", *options, start=False)
    docker("rm", name)
    docker("run", "-d", "--name", name, *options, "debian:bookworm-slim", "-c", "sleep 600", "sh", *arguments)
    assert occupants(volume / "prod") == has_it(name)
    assert occupants(volume / "ingest") == []


@full
def test_a_docker_volume_over_the_directory_is_that_directory(container, volume):
    over = f"reingest-test-{os.getpid()}-over"
    docker("volume", "create", "--opt", "type=none", "--opt", "o=bind", "--opt", f"device={volume}", over)
    try:
        options = ["-v", f"{over}:/srv/pg", "-e", "PGDATA=/srv/pg/prod"]
        found, loops = container("sleep 600", *options), container("exit 1", *options, "--restart", "always")
        wait_for_loop(loops)
        assert occupants(volume / "prod") == sorted(has_it(found) + has_it(loops, "started again and again"))
        docker("rm", "-f", found)
        wait_for_loop(loops, times=5)  # its mount point shows the directory only while it runs
        assert occupants(volume / "prod") == has_it(loops, "started again and again")
        docker("rm", "-f", loops)
    finally:
        docker("volume", "rm", over)


def test_a_docker_volume_of_its_own_is_found_at_its_mount_point(container):
    name = container(
        "mkdir -p /srv/pg/ingest; echo ready; sleep 600", "-v", "/srv/pg", "-e", "PGDATA=/srv/pg/ingest"
    )
    wait_for_log(name, "ready")
    point = Path(docker("inspect", "-f", "{{(index .Mounts 0).Source}}", name))
    assert occupants(point / "ingest") == has_it(name)
    assert occupants(point) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT RUN: mounting needs root")
class TestMountsOfTheHost:
    """The same directory through other mounts of the host, which no comparison of paths would show."""

    @pytest.fixture
    def mounted(self):
        points = []

        def mount(*arguments):
            Path(arguments[-1]).mkdir(exist_ok=True)
            subprocess.run(["mount", *arguments], check=True)
            points.append(arguments[-1])

        yield mount
        for point in reversed(points):
            subprocess.run(["umount", "-l", point], check=True)

    @pytest.mark.parametrize("loops", sample([False, True], False))
    def test_a_bind_mount_elsewhere(self, container, volume, tmp_path, mounted, loops):
        mounted("--bind", str(volume / "staging"), str(tmp_path / "elsewhere"))
        options = ["-v", f"{tmp_path}/elsewhere:/old", "-e", f"PGDATA=/old/{A}", "--restart", "always"]
        name = container("exit 1" if loops else "sleep 600", *options)
        if loops:
            wait_for_loop(name)
        assert occupants(volume / "prod") == has_it(name, "started again and again" if loops else "running")
        assert occupants(volume / "ingest") == []

    @pytest.mark.parametrize("loops", sample([False, True], False))
    def test_a_file_system_below_the_source_of_a_mount(self, container, tmp_path, mounted, loops):
        (tmp_path / "srv").mkdir()
        mounted("-t", "tmpfs", "reingest-test", str(tmp_path / "srv" / "pg"))
        (tmp_path / "srv" / "pg" / "ingest").mkdir()
        options = ["-v", f"{tmp_path}/srv:/srv", "-e", "PGDATA=/srv/pg/ingest", "--restart", "always"]
        name = container("exit 1" if loops else "sleep 600", *options)
        if loops:
            wait_for_loop(name)
        found = occupants(tmp_path / "srv" / "pg" / "ingest")
        docker("rm", "-f", name)
        assert found == has_it(name, "started again and again" if loops else "running")


def test_what_only_looks_like_it_is_no_occupant(container, volume, tmp_path):
    whole = ["-v", f"{volume}:/srv/pg"]
    (tmp_path / "other").mkdir()
    for name, script, options, start in [
        ("created", "sleep 600", [*whole, "-e", "PGDATA=/srv/pg/prod"], False),
        ("ended", "exit 0", [*whole, "-e", "PGDATA=/srv/pg/prod"], True),
        ("sibling", "sleep 600", [*whole, "-e", "PGDATA=/srv/pg/ingest"], True),
        ("no-server", "sleep 600", whole, True),
        ("cannot-write", "sleep 600", ["-v", f"{volume}:/srv/pg:ro", "-e", "PGDATA=/srv/pg/prod"], True),
        (
            "covered",
            "sleep 600",
            [*whole, "-v", f"{tmp_path}/other:/srv/pg/staging", "-e", "PGDATA=/srv/pg/prod"],
            True,
        ),
        ("no-mount", "sleep 600", ["-e", f"PGDATA={volume}/prod"], True),
        ("a-loop", "sleep 600", [*whole, "-e", "PGDATA=/srv/pg/round"], True),
    ]:
        if name == "a-loop":
            (volume / "round").symlink_to("round")
        made = container(script, *options, name=name, start=start)
        if name == "ended":
            docker("wait", made)
    assert look(volume / "prod").occupants == ()
    assert look(volume / "prod").blind_spots == ()


def test_a_link_in_the_image_is_followed_as_the_container_sees_it(container, volume):
    name = container(
        "ln -s /srv/pg/prod /data; echo ready; sleep 600", "-v", f"{volume}:/srv/pg", "-e", "PGDATA=/data"
    )
    wait_for_log(name, "ready")
    assert occupants(volume / "prod") == has_it(name)


def test_a_process_of_a_container_is_told_with_its_name_also_where_the_engine_says_nothing_of_a_database(
    container, volume
):
    name = container("cd /srv/pg/prod; echo ready; sleep 600", "-v", f"{volume}:/srv/pg")
    wait_for_log(name, "ready")
    (found,) = occupants(volume / "prod")
    assert found.startswith("process ")
    assert found.endswith(f" of container {name} works in it")


def test_one_that_the_caller_starts_itself_may_be_left_out(container, volume):
    options = ["-v", f"{volume}:/srv/pg", "-e", "PGDATA=/srv/pg/prod"]
    own, other = (
        container("cd /srv/pg/prod; echo ready; sleep 600", *options),
        container("sleep 600", *options),
    )
    wait_for_log(own, "ready")
    assert occupants(volume / "prod", without=[own]) == has_it(other)
    assert len(occupants(volume / "prod")) == 2


@pytest.fixture(scope="module")
def cluster():
    """Return the path of a cluster, shut down; do not change it."""
    with whole_cluster() as (_, data):
        yield data


@pytest.fixture
def site(tmp_path, cluster):
    """Return a volume whose ``prod`` leads to ``staging/A``, with the load B in ``ingest/``."""
    volume = Volume(tmp_path / "volume")
    volume.root.mkdir()
    make_own_directory(volume.records)
    for number, (snapshot, path) in enumerate([(A, volume.snapshot(A)), (B, volume.ingest)], start=1):
        path.mkdir(parents=True, mode=0o700)
        core_of(cluster, path, number)
        control = read_control(path)
        settings = {"fsync": "on", "full_page_writes": "on", "wal_level": control.wal_level}
        record = FinaliseRecord(
            control.checkpoint_lsn, control.timeline, settings, "2026-11-23T12:00:00+00:00"
        )
        detail = {"system_identifier": str(number), "release": f"r{number}", **record.detail()}
        ledger_file.append(volume, ledger_file.LOADED, snapshot, run="load", operator=OPERATOR, detail=detail)
    volume.prod.symlink_to(f"staging/{A}")
    detail = {"previous": "", "kind": "ingest"}
    ledger_file.append(volume, ledger_file.LIVE, A, run="one", operator=OPERATOR, detail=detail)
    return volume


def promote(volume):
    plan = plan_promotion(volume, "", loaded="", dry=False)
    apply_promotion(volume, plan, run="two", operator=OPERATOR, kind="ingest")


@pytest.mark.parametrize("data", ["ingest", "prod"])
@pytest.mark.parametrize("state", sample(STATES, "running"))
def test_a_promotion_is_refused_for_the_directory_that_comes_and_for_the_one_that_goes(
    container, site, data, state
):
    script = "exit 1" if "again" in state else "sleep 600"
    options = ["-v", f"{site.root}:/srv/pg", "-e", f"PGDATA=/srv/pg/{data}", "--restart", "always"]
    name = container(script, *options, name="copy")
    if "again" in state:
        wait_for_loop(name)
    if state == "paused":
        docker("pause", name)
    directory = (site.root / data).resolve()
    with pytest.raises(Refusal, match=rf"{directory} is in use: container {name} has it .* and is {state}"):
        promote(site)
    assert site.live() == A
    assert (site.ingest / "PG_VERSION").is_file()
    docker("rm", "-f", name)
    promote(site)
    assert site.live() == B


def test_a_snapshot_that_a_container_has_is_refused_before_the_window(container, site):
    promote(site)
    name = container("sleep 600", "-v", f"{site.root}:/srv/pg", "-e", f"PGDATA=/srv/pg/staging/{A}")
    with pytest.raises(Refusal, match=rf"{site.snapshot(A)} is in use: container {name} has it"):
        plan_promotion(site, A, loaded="", dry=True)
    docker("rm", "-f", name)
    assert plan_promotion(site, A, loaded="", dry=True).changed


@pytest.mark.skipif(shutil.which("strace") is None, reason="NOT RUN: strace is not installed")
def test_one_that_comes_between_the_move_and_the_link_is_found(container, site, tmp_path):
    script = (
        "import os, sys;"
        "from pathlib import Path; Path(sys.argv[2]).write_text(str(os.getpid()));"
        "from plugins.module_utils.reingest.volume.layout import Volume;"
        "from plugins.module_utils.reingest.promotion.promote import apply_promotion, plan_promotion;"
        "volume = Volume(Path(sys.argv[1])); plan = plan_promotion(volume, '', loaded='', dry=False);"
        f"apply_promotion(volume, plan, run='two', operator='{OPERATOR}', kind='ingest')"
    )
    name = container(
        "sleep 600", "-v", f"{site.root}:/srv/pg", "-e", f"PGDATA=/srv/pg/staging/{B}", start=False
    )
    # The process stops with the system call that has moved the directory, until it is told to go on.
    stop = ["strace", "-f", "-qq", "-o", os.devnull, "-e", "inject=renameat2:signal=STOP:when=1"]
    pid = tmp_path / "pid"
    promotion = subprocess.Popen(
        [*stop, sys.executable, "-c", script, site.root, pid], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    wait_for(lambda: promotion.poll() is not None or (site.snapshot(B) / "PG_VERSION").exists())
    assert promotion.poll() is None, promotion.stderr.read()
    assert site.live() == A
    docker("start", name)
    os.kill(int(pid.read_text()), signal.SIGCONT)
    told = promotion.communicate(timeout=60)[1]
    assert (
        f"{site.snapshot(B)} is in use: container {name} has it as its data directory and is running" in told
    )
    assert site.live() == A


def test_pruning_keeps_what_a_container_has_and_refuses_what_one_came_into(container, site):
    promote(site)
    rules = {
        "keep": 1,
        "keep_days": 0,
        "min_free": 0,
        "free": 1,
        "now": datetime(2027, 1, 1, tzinfo=timezone.utc),
    }
    old = site.snapshot("20261001T000000Z")
    subprocess.run(["cp", "-a", site.snapshot(A), old], check=True)
    ledger_file.append(site, ledger_file.ADOPTED, old.name, run="adopt", operator=OPERATOR)
    for snapshot in (A, B):
        ledger_file.append(site, ledger_file.GOOD, snapshot, run="two", operator=OPERATOR)
    plan = plan_pruning(site, **rules)
    assert plan.delete == (old.name,)
    name = container("sleep 600", "-v", f"{old}:/data", "-e", "PGDATA=/data")
    with pytest.raises(Refusal, match=rf"{old} is in use: container {name} has it"):
        apply_pruning(site, plan, run="three", operator=OPERATOR)
    assert old.is_dir()
    assert plan_pruning(site, **rules).delete == ()
    docker("rm", "-f", name)
    apply_pruning(site, plan_pruning(site, **rules), run="three", operator=OPERATOR)
    assert not old.exists()


@full
def test_a_load_that_is_lost_is_not_discarded_under_a_container(container, site):
    (site.records / "unsynced.json").write_text(
        '{"system_identifier": "2", "boot": "another", "run": "load"}'
    )
    name = container("sleep 600", "-v", f"{site.root}:/srv/pg", "-e", "PGDATA=/srv/pg/ingest")
    with pytest.raises(Refusal, match=f"ingest is in use: container {name} has it"):
        plan_discard(site)
    docker("rm", "-f", name)
    assert plan_discard(site).changed


class TestStart:
    """No server is started on a directory that another container has."""

    def start(self, engine, service):
        apply_group(engine, plan_group(engine, [service], "started"), stop_timeout=20, start_timeout=20)

    @pytest.fixture
    def db(self, container, volume):
        """Return the production server's container, created and never started."""
        (volume / "prod" / "PG_VERSION").write_text("15\n")
        options = ["-v", f"{volume}:/srv/pg", "-e", "PGDATA=/srv/pg/prod"]
        name = container("cd $PGDATA; echo ready; sleep 600", *options, name="db", start=False)
        return Service(name, kind="postgresql", data=volume / "prod", linked=True)

    @pytest.mark.parametrize("state", sample(STATES, "started again and again"))
    def test_another_container_started_by_hand_is_named(self, container, volume, db, tmp_path, state):
        options = ["-v", f"{volume}/staging:/old", "-e", f"PGDATA=/old/{A}", "--restart", "always"]
        copy = container("exit 1" if "again" in state else "sleep 600", *options, name="copy")
        if "again" in state:
            wait_for_loop(copy)
        if state == "paused":
            docker("pause", copy)
        expected = (
            f"{db.name} is not started: {volume}/prod is in use: container {copy} has it .* and is {state}"
        )
        with pytest.raises(Refusal, match=expected):
            self.start(DockerEngine(tmp_path / "records"), db)
        assert not running(db.name)
        docker("rm", "-f", copy)
        self.start(DockerEngine(tmp_path / "records"), db)
        assert running(db.name)

    def test_its_own_container_that_goes_down_again_and_again_is_no_occupant(
        self, container, volume, tmp_path
    ):
        (volume / "prod" / "PG_VERSION").write_text("15\n")
        options = ["-v", f"{volume}:/srv/pg", "-e", "PGDATA=/srv/pg/prod", "--restart", "always"]
        name = container("echo no database; exit 1", *options, name="db")
        wait_for_loop(name)
        service = Service(name, kind="postgresql", data=volume / "prod", linked=True)
        with pytest.raises(Refusal, match=rf"{name} is not running; its log ends: .*no database"):
            self.start(DockerEngine(tmp_path / "records"), service)

    def test_it_is_told_before_the_window_while_all_still_runs(self, container, volume, db, tmp_path):
        docker("start", db.name)
        wait_for_log(db.name, "ready")
        engine = DockerEngine(tmp_path / "records")

        def check():
            refuse_company(engine, db, exclusive=False)

        check()
        copy = container("sleep 600", "-v", f"{volume}/staging:/old", "-e", f"PGDATA=/old/{A}", name="copy")
        expected = (
            rf"{db.name} is not alone: {volume}/prod is in use: container {copy} has it .* and is running"
        )
        with pytest.raises(Refusal, match=expected):
            check()

    def test_a_plain_process_of_the_same_name_is_not_the_container(self, container, volume, db, tmp_path):
        docker("start", db.name)
        wait_for_log(db.name, "ready")
        same = Service(db.name, kind="postgresql", data=volume / "prod", command=("sleep", "600"))
        with pytest.raises(
            Refusal, match=rf"is in use: process \d+ \(\w+\) of container {db.name} works in it"
        ):
            self.start(ProcessEngine(tmp_path / "records"), same)


def test_a_real_second_server_is_found_by_container_and_name(container, postgres, tmp_path):
    volume = tmp_path / "volume"
    volume.mkdir()
    options = [
        "-v",
        f"{volume}:/srv/pg",
        "-e",
        "PGDATA=/srv/pg/ingest",
        "-e",
        f"POSTGRES_PASSWORD={PASSWORD}",
    ]
    name = container("", *options, image=postgres)
    lock = volume / "ingest" / "postmaster.pid"
    wait_for(lambda: lock.exists() and lock.read_text().endswith("ready   \n"), "the server is ready")
    with pytest.raises(
        Refusal, match=rf"process \d+ \(postgres\) of container {name} works in it; stop what is"
    ):
        refuse_occupied(volume / "ingest", exclusive=True)
    docker("stop", name)
    refuse_occupied(volume / "ingest", exclusive=False)
    assert read_control(volume / "ingest").clean


@pytest.mark.skipif(
    sys.base_prefix == "/usr", reason="NOT RUN: needs a Python that can be mounted into a container"
)
def test_from_within_a_container_with_the_hosts_socket_the_hosts_processes_are_a_blind_spot(volume, tmp_path):
    """The directory of the container looks free from there, and may be in use by any container beside it."""
    code = (
        "import sys; sys.path.insert(0, '/code'); from pathlib import Path;"
        "from reingest.engines.occupancy import look; found = look(Path('/srv/pg/prod'));"
        "print(len(found.occupants), *found.blind_spots)"
    )
    (tmp_path / "look.py").write_text(code)
    python = Path(sys.executable).resolve()
    mounts = [
        f"/var/run/docker.sock:{SOCKET}",
        f"{sys.base_prefix}:{sys.base_prefix}:ro",
        f"{ROOT / 'module_utils'}:/code:ro",
        f"{tmp_path}/look.py:/look.py:ro",
        f"{volume}:/srv/pg",
    ]
    options = [part for mount in mounts for part in ("-v", mount)]
    told = docker("run", "--rm", *options, BASE, str(python), "-B", "/look.py")
    expected = f"0 processes of containers cannot be seen: the Docker engine at {SOCKET} runs outside of here"
    assert told == expected
