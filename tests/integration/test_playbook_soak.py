"""Promotions after which the portal is watched: a worse one is taken back by the run itself."""

from __future__ import annotations

import http.server
import json
import threading

import pytest
from controller import other, served, snapshots
from deployment import ingested_deployment
from tiers import full

PROMOTE = "playbooks/promote.yml"


@pytest.fixture(scope="module")
def site():
    """Return a deployment with two releases, the second one live."""
    made = ingested_deployment()
    yield made
    made.clear()


@pytest.fixture
def portal(site):
    """Return an address before the portal: while ``ill``, it answers 500 as soon as it is watched."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            watched = (
                "soak not finished" in (site.volume / ".reingest/ledger.jsonl").read_text().splitlines()[-1]
            )
            self.send_response(500 if server.ill and watched else 200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.ill = False
    server.url = f"http://127.0.0.1:{server.server_port}/"
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    yield server
    server.shutdown()
    serving.join()
    server.server_close()


def promote(site, portal, seconds):
    given = {
        "reingest_snapshot": other(site),
        "reingest_force": True,
        "reingest_soak": seconds,
        "reingest_portal_url": portal.url,
        "reingest_portal_release_key": "",
        "reingest_accept": "served",
    }
    return site.play(PROMOTE, "-e", json.dumps(given))


def soaks(site):
    lines = (site.volume / ".reingest/ledger.jsonl").read_text().splitlines()
    return [line["why"] for line in map(json.loads, lines) if line["state"] == "soak"]


@full
def test_a_portal_that_gets_worse_is_taken_back_with_its_rows_and_one_that_does_not_stays(site, portal):
    before, target = served(site), other(site)
    site.download()
    portal.ill = True
    code, output = promote(site, portal, 600)
    assert code != 0
    assert "the portal is worse after the switch: 1 of 1 requests failed, and 0 may" in output
    assert "the snapshot that served before serves again" in output
    assert served(site).snapshot == before.snapshot
    assert site.health()["tables"]["file_download"] == 1
    assert soaks(site)[0] == "soak not finished"
    assert soaks(site)[1].startswith("worse: 1 of 1 requests failed")
    assert not site.locked()
    portal.ill = False
    code, output = promote(site, portal, 2)
    assert code == 0, output
    assert served(site).snapshot == target
    assert "none failed" in soaks(site)[-1]
    assert set(snapshots(site)) == {before.snapshot, target}
    code, output = site.play(PROMOTE, "-e", json.dumps({"reingest_soak": 5, "reingest_portal_url": ""}))
    assert code != 0
    assert "reingest_soak is set, and no address is declared that could be watched" in output
