"""Who is in a directory is said, and why that may not be all: accounts, mounts, engines that do not tell."""

from __future__ import annotations

import contextlib
import ctypes
import http.server
import json
import multiprocessing
import os
import re
import shutil
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from clusters import process_in
from waiting import wait_for

from plugins.module_utils.reingest.engines import occupancy
from plugins.module_utils.reingest.engines.docker import kind as docker_kind
from plugins.module_utils.reingest.engines.docker import occupants as docker_occupants
from plugins.module_utils.reingest.engines.docker.kind import Docker
from plugins.module_utils.reingest.engines.occupancy import look, occupancy_faults, refuse_occupied
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.fs.mounts import Mounts, mounts, read_mounts
from plugins.module_utils.reingest.postgres.working import working_in

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="NOT RUN: other accounts and mounts need root")


@pytest.fixture
def folder():
    """Return a directory that other accounts can reach."""
    with tempfile.TemporaryDirectory(prefix="reingest-occupancy-", dir="/var/tmp") as above:
        Path(above).chmod(0o755)
        found = Path(above) / "data"
        found.mkdir(mode=0o700)
        yield found


def looked(path, results, at, proc):
    if proc:  # seen by this process alone
        ctypes.CDLL(None).unshare(0x20000)  # CLONE_NEWNS
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        subprocess.run(["mount", "-t", "proc", "-o", proc, "proc", "/proc"], check=True)
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: as a program is that such an account starts
    results.put(look(path, kinds=[Docker(str(at))]))


def look_as_nobody(path, at="/nowhere/docker.sock", proc=""):
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    child = context.Process(target=looked, args=(path, results, at, proc))
    child.start()
    found = results.get(timeout=30)
    child.join()
    return found


@contextlib.contextmanager
def in_namespace(command, folder):
    """Run a program in a user namespace of root's, under what is account ``NOBODY`` outside."""
    script = (
        "import ctypes, os, sys; ctypes.CDLL(None).unshare(0x10000000); print(flush=True); input();"
        "os.setgroups([]); os.setresgid(0, 0, 0); os.setresuid(0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])"
    )  # CLONE_NEWUSER
    process = subprocess.Popen(
        [sys.executable, "-c", script, *command],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        process.stdout.readline()  # it is in its namespace now
        for kind in ("uid", "gid"):
            Path(f"/proc/{process.pid}/{kind}_map").write_text(f"0 {NOBODY} 1")
        process.stdin.write(b"\n")
        process.stdin.flush()
        comm = Path(f"/proc/{process.pid}/comm")
        wait_for(lambda: comm.read_text().strip() == Path(command[0]).name, "it runs the command")
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def engine(tmp_path):
    """Return ``serve(answers)``: the socket of an engine that answers ``(status, body)`` by path."""
    servers = []

    def serve(answers):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                status, body = answers[self.path.partition("?")[0]]
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *arguments):
                """Say nothing."""

            def address_string(self):
                return ""

        path = str(tmp_path / f"docker-{len(servers)}.sock")
        servers.append(socketserver.ThreadingUnixStreamServer(path, Handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,)).start()
        return path

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def container(folder, pid, **state):
    """Return a running container, as the engine lists it and as it tells of it."""
    identifier = "c0ffee" + "0" * 58
    mount = {"Type": "bind", "Source": str(folder), "Destination": "/data", "RW": True}
    listed = {"Id": identifier, "Names": ["/copy"], "State": "running", "Mounts": [mount]}
    told = {
        "Id": identifier,
        "Args": [],
        "State": {"Status": "running", "Running": True, "Pid": pid, **state},
        "Config": {"Env": ["PGDATA=/data"]},
        "Mounts": [mount],
    }
    return {"/containers/json": (200, [listed]), f"/containers/{identifier}/json": (200, told)}


class TestSeen:
    def test_nobody_is_in_a_directory_that_is_free_or_not_there(self, folder):
        assert look(folder).occupants == look(folder / "no").occupants == ()
        assert look(folder / "no").blind_spots == ()
        refuse_occupied(folder, exclusive=False)

    def test_a_process_is_named_with_what_it_is(self, folder):
        with process_in(folder) as pid:
            assert look(folder).occupants == (f"process {pid} (sleep) works in it",)

    def test_it_is_refused_also_where_the_directory_is_declared_exclusive(self, folder):
        expected = rf"{folder} is in use: process \d+ \(sleep\) works in it; stop what is there in order"
        with process_in(folder), pytest.raises(Refusal, match=expected):
            refuse_occupied(folder, exclusive=True)

    def test_a_link_is_where_it_leads(self, folder):
        link = folder.parent / "prod"
        link.symlink_to("data")
        with process_in(folder):
            assert len(look(link).occupants) == 1


@as_root
class TestAccounts:
    def test_the_owners_account_sees_its_processes_and_has_no_blind_spot(self, folder):
        os.chown(folder, NOBODY, NOBODY)
        process = subprocess.Popen(["sleep", "600"], cwd=folder, user=NOBODY, group=NOBODY, extra_groups=[])
        try:
            found = look_as_nobody(folder)
        finally:
            process.kill()
            process.wait()
        assert found.occupants == (f"process {process.pid} (sleep) works in it",)
        assert found.blind_spots == ()

    def test_an_account_that_cannot_even_reach_it_is_blind(self, folder):
        folder.parent.chmod(0o700)
        assert look_as_nobody(folder).blind_spots == ("this account (uid 65534) may not look at it",)

    def test_another_account_is_blind(self, folder):
        folder.chmod(0o750)
        os.chown(folder, 999, NOBODY)
        (spot,) = look_as_nobody(folder).blind_spots
        assert spot.startswith("this account (uid 65534) is neither root nor the directory's owner (uid 999)")

    def test_a_server_of_the_owner_in_a_user_namespace_that_it_may_not_look_into_is_a_blind_spot(
        self, folder
    ):
        os.chown(folder, NOBODY, NOBODY)
        server = folder.parent / "postgres"
        shutil.copy(shutil.which("sleep"), server)
        with in_namespace([server, "600"], folder) as process:
            assert look(folder).occupants == (f"process {process.pid} (postgres) works in it",)
            found = look_as_nobody(folder)
        assert found.occupants == ()
        assert found.blind_spots == (
            f"this account may not look at servers of the directory's owner (process {process.pid})",
        )

    def test_what_else_of_the_owner_may_not_be_looked_at_is_no_matter(self, folder):
        os.chown(folder, NOBODY, NOBODY)
        with in_namespace(["/bin/sleep", "600"], "/"):
            assert look_as_nobody(folder).blind_spots == ()

    def test_an_engine_that_is_not_for_this_account_is_none(self, folder, engine):
        os.chown(folder, NOBODY, NOBODY)
        path = engine(container(folder, os.getpid()))
        Path(path).chmod(0o600)
        found = look_as_nobody(folder, path)
        assert (found.occupants, found.blind_spots) == ((), ())


@as_root
class TestProc:
    @pytest.mark.parametrize("option", ["hidepid=2", "hidepid=1"])
    def test_hidden_processes_are_a_blind_spot_for_all_but_root(self, folder, option):
        os.chown(folder, NOBODY, NOBODY)
        (spot,) = look_as_nobody(folder, proc=option).blind_spots
        assert spot.startswith("/proc is mounted with hidepid=")
        assert look_as_nobody(folder, proc="hidepid=0").blind_spots == ()


class TestNetwork:
    """What the kernel says of a mount is taken from a real machine's mountinfo: no network is needed."""

    @pytest.fixture
    def on_nfs(self, folder):
        line = "1 0 0:45 / / rw,relatime - nfs4 nas:/export rw,vers=4.2"
        return Mounts({number: one for number in mounts().table for one in read_mounts(line).values()})

    def test_it_is_a_blind_spot_with_its_kind_and_source(self, folder, on_nfs):
        (spot,) = occupancy._blind_spots(folder, on_nfs, working_in(folder))
        assert spot == (
            "it lies on a network file system (nfs4, nas:/export at /), which other machines may have mounted"
        )


class TestEngine:
    def test_without_one_there_are_no_containers_to_ask(self, folder, tmp_path):
        assert look(folder, kinds=[Docker(str(tmp_path / "no.sock"))]).blind_spots == ()
        left = socket.socket(socket.AF_UNIX)
        left.bind(str(tmp_path / "left.sock"))
        left.close()  # nobody listens: the engine is down, and can start nothing
        assert look(folder, kinds=[Docker(str(tmp_path / "left.sock"))]).blind_spots == ()

    def test_a_container_that_is_not_told_of_is_a_blind_spot_if_it_reaches_the_directory(
        self, folder, engine, tmp_path
    ):
        answers = container(folder, os.getpid())
        told = f"/containers/{answers['/containers/json'][1][0]['Id']}/json"
        answers[told] = (500, {"message": "it is being removed"})
        (spot,) = look(folder, kinds=[Docker(engine(answers))]).blind_spots
        assert spot.startswith(
            "container copy, which could reach it, cannot be asked for (Docker does not tell"
        )
        assert spot.endswith("it is being removed)")
        elsewhere = container(tmp_path, os.getpid())
        assert look(folder, kinds=[Docker(engine({**elsewhere, told: answers[told]}))]).blind_spots == ()

    def test_nobody_waits_long_for_an_engine_that_is_stuck(self, folder, tmp_path, monkeypatch):
        monkeypatch.setattr(docker_occupants, "_PATIENCE_S", 0.2)
        with socket.socket(socket.AF_UNIX) as stuck:
            stuck.bind(str(tmp_path / "stuck.sock"))
            stuck.listen()
            (spot,) = look(folder, kinds=[Docker(str(tmp_path / "stuck.sock"))]).blind_spots
        assert "does not answer GET /containers/json within 0 s" in spot

    def test_one_that_does_not_tell_is_a_blind_spot(self, folder, engine):
        path = engine({"/containers/json": (500, {"message": "no such thing"})})
        found = look(folder, kinds=[Docker(path)])
        assert found.blind_spots == (
            "the containers of this host cannot be asked for (Docker does not list its containers: no such "
            "thing)",
        )
        assert found.occupants == ()

    def test_one_that_goes_away_while_it_is_asked_is_a_blind_spot(self, folder, engine):
        hangs_up = engine({})  # the connection ends without an answer
        (spot,) = look(folder, kinds=[Docker(hangs_up)]).blind_spots
        assert "Docker is not reachable" in spot

    @pytest.mark.parametrize("pid", [1, 4194305])
    def test_one_whose_processes_are_not_seen_here_is_a_blind_spot(self, folder, engine, pid):
        found = look(folder, kinds=[Docker(engine(container(folder, pid)))])
        (spot,) = found.blind_spots
        assert spot.startswith("processes of containers cannot be seen: the Docker engine at")

    @as_root
    def test_a_container_without_a_control_group_is_known_by_its_namespace(self, folder, engine):
        process = subprocess.Popen(
            ["unshare", "--pid", "--fork", "--kill-child", "sh", "-c", f"cd {folder}; echo; exec sleep 600"],
            stdout=subprocess.PIPE,
        )
        process.stdout.readline()
        (inner,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        try:
            (found,) = look(folder, kinds=[Docker(engine(container(folder, int(inner))))]).occupants
        finally:
            process.kill()
            process.communicate()
        assert re.fullmatch(rf"process {inner} \(\w+\) of container copy works in it", found)

    def test_one_that_is_started_again_and_again_has_no_process_to_be_seen(self, folder, engine):
        answers = container(folder, 0, Status="restarting", Restarting=True)
        answers["/containers/json"][1][0]["State"] = "restarting"
        found = look(folder, kinds=[Docker(engine(answers))])
        assert found.occupants == (
            "container copy has it as its data directory and is started again and again",
        )
        assert found.blind_spots == ()

    def test_one_that_has_ended_since_it_was_listed_is_none(self, folder, engine):
        found = look(folder, kinds=[Docker(engine(container(folder, 0, Running=False)))])
        assert (found.occupants, found.blind_spots) == ((), ())


def test_blind_spots_are_refused_unless_the_directory_is_declared_exclusive(folder, monkeypatch, engine):
    monkeypatch.setattr(docker_kind, "SOCKET", engine({"/containers/json": (500, {"message": "broken"})}))
    expected = (
        rf"whether {folder} is in use cannot be seen: .*broken.*; make sure .* reingest_exclusive: true"
    )
    with pytest.raises(Refusal, match=expected):
        refuse_occupied(folder, exclusive=False)
    refuse_occupied(folder, exclusive=True)
    with process_in(folder) as pid:
        (fault,) = occupancy_faults(folder, exclusive=True)
    assert f"process {pid} (sleep) works in it" in fault
