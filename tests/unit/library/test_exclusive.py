"""Where it cannot be seen who is in a directory, the modules refuse it unless it is declared exclusive."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

from plugins.module_utils.reingest.engines.docker import kind
from plugins.module_utils.reingest.volume.unsynced import Unsynced, write_mark

A, B, C = "20261101T000000Z", "20261102T000000Z", "20261103T000000Z"
WHO = {"run": "run-1", "operator": "0000-0002-1825-0097"}
CANNOT = "is in use cannot be seen: the containers of this host cannot be asked for"


@pytest.fixture(autouse=True)
def silent_engine(tmp_path, monkeypatch):
    """Have a Docker engine that ends each connection without an answer."""
    path = str(tmp_path / "docker.sock")
    monkeypatch.setattr(kind, "SOCKET", path)
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()

    def hang_up():
        with contextlib.suppress(OSError):
            while True:
                server.accept()[0].close()

    thread = threading.Thread(target=hang_up)
    thread.start()
    yield
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


@pytest.fixture
def here(site, monkeypatch):
    """Return a volume with A and B, both promoted, the load C, and a claim."""
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(kind, "SOCKET", "/nowhere/docker.sock")
        site.serve(A, B)
    site.load(C)
    site.claim(WHO["run"])
    return site


def test_a_promotion(here, run_module):
    volume = str(here.volume.root)
    refused = run_module("snapshot_promote", volume=volume, **WHO)
    assert refused["failed"]
    assert f"{here.volume.ingest} {CANNOT}" in refused["msg"]
    assert "reingest_exclusive: true" in refused["msg"]
    assert here.volume.live() == B
    assert run_module("snapshot_promote", volume=volume, exclusive=True, **WHO)["live"] == C
    assert here.volume.live() == C


def test_a_recovery_is_never_refused_for_it(here, run_module):
    run_module("snapshot_promote", volume=str(here.volume.root), exclusive=True, **WHO)
    here.recover(failed="it does not answer", run=WHO["run"])
    assert here.volume.live() == B


@pytest.mark.parametrize("check", [False, True])
def test_a_pruning(here, run_module, monkeypatch, check):
    volume = str(here.volume.root)
    run_module("snapshot_promote", volume=volume, exclusive=True, **WHO)
    refused = run_module("snapshot_prune", volume=volume, keep=1, check=check, **WHO)
    assert f"{here.volume.snapshot(A)} {CANNOT}" in refused["msg"]
    assert here.volume.snapshot(A).is_dir()
    pruned = run_module("snapshot_prune", volume=volume, keep=1, exclusive=True, check=check, **WHO)
    assert pruned["deleted"] == [A]
    assert here.volume.snapshot(A).is_dir() == check


def test_starting_over(here, run_module):
    identifier = "".join(digit for digit in C if digit.isdigit())
    write_mark(here.volume, Unsynced(identifier, "an earlier boot", "run-0"))
    volume = str(here.volume.root)
    assert CANNOT in run_module("staging_discard", volume=volume, run=WHO["run"])["msg"]
    assert run_module("staging_discard", volume=volume, run=WHO["run"], exclusive=True)["changed"]


def test_a_start(here, run_module, tmp_path):
    server = {"name": "db", "kind": "postgresql", "command": ["sleep", "600"], "data": str(here.volume.prod)}
    group = {"engine": "process", "records": str(tmp_path / "records"), "services": [server]}
    refused = run_module("service_group", state="started", **group)
    assert f"db is not started: whether {here.volume.prod} {CANNOT}" in refused["msg"]
    try:
        assert run_module("service_group", state="started", exclusive=True, **group)["acted"] == ["db"]
    finally:
        run_module("service_group", state="stopped", stop_timeout=5, **group)
