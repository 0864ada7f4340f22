"""``portal_soak`` through its real ``main``: what the ledger says of a soak, and what an address answers."""

from __future__ import annotations

A = "20261101T000000Z"
WHO = {"run": "run-1", "operator": "0000-0002-1825-0097"}


def test_a_soak_is_not_finished_until_a_later_line_says_how_it_ended(site, run_module):
    site.serve(A)
    site.claim(WHO["run"])

    def note(**more):
        return run_module("portal_soak", volume=str(site.volume.root), **more, **WHO)

    before = len(site.ledger.entries)
    assert not note(state="begun", check=True).get("failed")
    assert len(site.ledger.entries) == before
    note(state="begun")
    assert (site.ledger.entries[-1].state, site.ledger.entries[-1].why) == ("soak", "soak not finished")
    note(state="ended", why="worse:\n3 of 3 requests failed" + "!" * 9999)
    last = site.ledger.entries[-1]
    assert (last.state, last.snapshot, last.run) == ("soak", A, "run-1")
    assert last.why.startswith("worse:")
    assert "\n" not in last.why
    assert len(last.why) <= 500
    assert site.ledger.good(A)  # it decides nothing


def test_a_portal_that_is_not_there_is_told_not_refused(run_module):
    result = run_module("portal_soak", state="watched", url="http://127.0.0.1:9/", seconds=60, **WHO)
    assert not result.get("failed")
    assert result["worse"].startswith("1 of 1 requests failed, and 0 may")
    assert "1 requests in 0 s, 1 failed" in result["seen"]
    dry = run_module("portal_soak", state="watched", url="http://127.0.0.1:9/", seconds=60, check=True, **WHO)
    assert dry["worse"] == ""
    assert dry["step"]["did"] == ["watch the portal for 60 s"]


def test_nothing_to_watch_is_refused(run_module):
    assert "set reingest_portal_url" in run_module("portal_soak", state="watched", seconds=1, **WHO)["msg"]
