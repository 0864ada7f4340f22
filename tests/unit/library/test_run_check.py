"""What is tried before a run, through the module's real ``main``."""

from __future__ import annotations

A = "20261101T000000Z"
WHO = {"run": "run-1", "operator": "0000-0002-1825-0097"}


def test_a_stopped_production_is_told_beside_a_fault_of_a_service_whose_name_begins_alike(
    site, run_module, tmp_path
):
    site.serve(A)
    site.claim(WHO["run"])
    there = {"engine": "process", "records": str(tmp_path / "records")}
    db = {"name": "db", "kind": "postgresql", "command": ["sleep", "600"], "data": str(site.volume.prod)}
    ingest = {"name": "db-ingest", "kind": "postgresql", "command": ["sleep", "600"]}
    ill = {**ingest, "health": {"tcp": "127.0.0.1:1"}}
    run_module("service_group", state="started", services=[ingest], **there)
    try:
        refused = run_module(
            "run_check",
            volume=str(site.volume.root),
            services=[db, ill],
            production="db",
            exclusive=True,
            **there,
            **WHO,
        )
    finally:
        run_module("service_group", state="stopped", stop_timeout=5, services=[ingest], **there)
    assert "db-ingest runs, but is not healthy" in refused["msg"]
    assert f"db does not run, although prod leads to {A}" in refused["msg"]
