"""What each request is answered: who may, what is malformed, and the log as it grows."""

from __future__ import annotations

import json
import threading

import pytest
from tiers import full
from waiting import wait_for

ADA, BEN, EVE = "0000-0002-1825-0097", "0000-0001-5109-3700", "0000-0002-1694-233X"
PATHS = [
    ("GET", "/api/jobs"),
    ("GET", "/api/jobs/0123456789abcdef/log"),
    ("GET", "/api/snapshots"),
    ("POST", "/api/jobs/ingest"),
    ("POST", "/api/jobs/nothing"),
    ("POST", "/api/nothing"),
    ("DELETE", "/api/jobs"),
    ("GET", "/docs"),
    ("GET", "/"),
    ("POST", "/logout"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_without_a_session_401_comes_before_anything_else(service, method, path):
    client = service.client()
    assert client.request(method, path, content="{ no json", headers={"x-csrf-token": "x"}).status_code == 401
    assert service.client("reingest_wrong").request(method, path).status_code == 401
    client.cookies.set("reingest", "wrong")
    assert client.request(method, path).status_code == 401


def test_health_and_the_description_of_the_api_are_open(service):
    assert service.client().get("/healthz").json() == {"status": "ok"}
    assert "/api/jobs/ingest" in service.client().get("/openapi.json").json()["paths"]


@pytest.mark.parametrize(
    ("person", "kind", "body", "code"),
    [
        (EVE, "ingest", {"check": True}, 403),
        (BEN, "ingest", {}, 403),
        (BEN, "ingest", {"check": True}, 202),
        (BEN, "load", {}, 202),
        (BEN, "rollback", {}, 403),
        (ADA, "rollback", {"why": "wrong release"}, 202),
        (BEN, "recover", {}, 202),
    ],
)
def test_a_role_may_what_it_may(service, person, kind, body, code):
    client, csrf = service.by_session(person)
    answer = client.post(f"/api/jobs/{kind}", json=body, headers={"X-CSRF-Token": csrf})
    assert answer.status_code == code, answer.text
    if code == 403:
        assert person in answer.json()["detail"]
        assert service.ran() == []


@pytest.mark.parametrize(
    ("kind", "body", "field"),
    [
        ("ingest", {"sources": "/etc"}, "sources"),
        ("ingest", {"sources": "../x"}, "sources"),
        ("ingest", {"release": "{{ lookup('pipe', 'id') }}"}, "release"),
        ("rollback", {"why": "{{ lookup('pipe', 'id') }}"}, "why"),
        ("rollback", {"why": "{% raw %}"}, "why"),
        ("rollback", {"why": "two\nlines"}, "why"),
        ("load", {"accept": ["{{ 1 }}"]}, "accept"),
        ("load", {"accept": "served"}, "accept"),
        ("load", {"force": "true"}, "force"),
        ("promote", {"snapshot": "../../etc"}, "snapshot"),
        ("pin", {}, "snapshot"),
        ("recover", {"take_over": "x; rm"}, "take_over"),
        ("recover", {"accept_ledger": "x"}, "accept_ledger"),
        ("ingest", {"operator": ADA}, "operator"),
        ("ingest", {"reingest_operators": [EVE]}, "reingest_operators"),
        ("ingest", [], "body"),
    ],
)
@pytest.mark.attack
def test_a_field_that_is_wrong_or_unknown_is_422_and_is_named(service, kind, body, field):
    answer = service.by_token().post(f"/api/jobs/{kind}", json=body)
    assert answer.status_code == 422, answer.text
    assert field in answer.json()["detail"][0]["loc"]
    assert "lookup" not in answer.text
    assert service.ran() == []


def test_what_is_not_there_is_404(service):
    client = service.by_token()
    for path in (
        "/api/jobs/0123456789abcdef",
        "/api/jobs/0123456789abcdef/log",
        "/api/jobs/0123456789abcdef/report",
    ):
        assert client.get(path).status_code == 404
    assert client.post("/api/jobs/approve", json={}).status_code in (404, 405)


@pytest.mark.attack
def test_a_browser_that_another_page_has_sent_is_403(service):
    client, csrf = service.by_session()
    assert client.post("/api/jobs/load", json={}).status_code == 403
    assert client.post("/api/jobs/load", json={}, headers={"X-CSRF-Token": csrf[::-1]}).status_code == 403
    _, other = service.by_session(BEN)
    assert client.post("/api/jobs/load", json={}, headers={"X-CSRF-Token": other}).status_code == 403
    assert service.ran() == []


@pytest.mark.attack
def test_a_request_that_is_too_long_is_refused_unread(service):
    assert service.by_token().post("/api/jobs/load", content=b"x" * 70000).status_code == 413


@pytest.mark.attack
def test_a_token_may_what_its_scopes_and_its_person_may(service):
    assert service.by_token(scopes=["read"]).post("/api/jobs/load", json={}).status_code == 403
    assert service.by_token(scopes=["load"]).get("/api/jobs").status_code == 403
    assert service.by_token(BEN, scopes=["ingest"]).post("/api/jobs/ingest", json={}).status_code == 403
    answer = service.by_token(name="nightly", scopes=["load"]).post("/api/jobs/load", json={})
    assert answer.json()["through"] == "token nightly"


@pytest.mark.attack
def test_who_is_taken_off_the_list_in_mid_session_may_nothing_any_more(service):
    client, csrf = service.by_session()
    token = service.by_token()
    assert client.get("/api/jobs").status_code == 200
    service.settings.people.write_text(f"# role {BEN} loader\n")
    for answer in (
        client.get("/api/jobs"),
        client.get("/"),
        client.post("/api/jobs/load", json={}, headers={"X-CSRF-Token": csrf}),
        token.post("/api/jobs/load", json={}),
    ):
        assert answer.status_code == 403
    service.settings.people.unlink()
    assert service.by_token(BEN).get("/api/jobs").status_code == 403


@pytest.mark.attack
def test_pages_run_no_script_but_their_own(service):
    client, _ = service.by_session()
    for path in ("/", "/docs"):
        page = client.get(path)
        policy = page.headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert "//" not in page.text.replace("<!doctype", "")
        assert "<script>" not in page.text
    for path in (
        "/static/swagger/swagger-ui-bundle.js",
        "/static/docs.js",
        "/static/page.js",
        "/static/style.css",
    ):
        assert client.get(path).status_code == 200


@pytest.mark.attack
def test_what_a_run_says_is_shown_as_text(service):
    client, _ = service.by_session()
    (service.here / "do").write_text(json.dumps({"code": 2, "failure": "<script>alert(1)</script>"}))
    service.ended(service.by_token().post("/api/jobs/load", json={}).json()["id"])
    page = client.get("/").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def sse(client, path, **headers):
    """Read a log to its end; return its events as (id, kind, data)."""
    found, event = [], {}
    with client.stream("GET", path, headers=headers) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        for line in reply.iter_lines():
            if line:
                name, _, value = line.partition(": ")
                event[name] = value
            elif event:
                found.append((event.get("id"), event.get("event", "message"), event.get("data")))
                event = {}
    return found


def test_a_log_is_followed_to_its_end_and_resumed_where_a_reader_was(service):
    lines = [f"line {number} <b>ü</b>" for number in range(200)]
    (service.here / "do").write_text(json.dumps({"lines": lines, "waits": True}))
    client = service.by_token()
    job = client.post("/api/jobs/load", json={}).json()["id"]
    log = service.settings.state / "jobs" / job / "log"
    wait_for(lambda: log.exists() and "line 199" in log.read_text(), "the log")
    (service.here / "go").touch()
    events = sse(client, f"/api/jobs/{job}/log")
    assert [json.loads(data) for _, _, data in events[1:-1]] == lines
    assert events[-1][1:] == ("end", '"succeeded"')
    again = sse(client, f"/api/jobs/{job}/log", **{"Last-Event-ID": events[100][0]})
    assert again == events[101:]
    assert sse(client, f"/api/jobs/{job}/log", **{"Last-Event-ID": "no number"}) == events
    assert sse(client, f"/api/jobs/{job}/log", **{"Last-Event-ID": "9" * 30})[-1][1] == "end"


@full
def test_a_hundred_readers_of_a_log_all_get_every_line(service):
    lines = [f"line {number}" for number in range(500)]
    (service.here / "do").write_text(json.dumps({"lines": lines, "waits": True}))
    token = service.parts.tokens.make("many", ADA, ["read", "load"], 1)
    job = service.client(token).post("/api/jobs/load", json={}).json()["id"]
    found, threads = [], []

    def read(client):
        found.append(len(sse(client, f"/api/jobs/{job}/log")))

    for _ in range(100):
        threads.append(threading.Thread(target=read, args=(service.client(token),)))
        threads[-1].start()
    assert service.client().get("/healthz").status_code == 200  # it answers others meanwhile
    (service.here / "go").touch()
    for one in threads:
        one.join()
    assert found == [502] * 100  # the first line has the arguments, the last event is the end


def test_what_is_on_the_volume_is_as_status_says_it(service):
    assert service.by_token().get("/api/snapshots").json()["volume"]["snapshots"] == []
    service.parts.status.forget()
    (service.here / "status.json").write_text("no host answers")
    refused = service.by_token().get("/api/snapshots")
    assert refused.status_code == 503
    assert "said nothing" in refused.json()["detail"]


def test_signing_out_ends_the_session_on_the_server(service):
    client, csrf = service.by_session()
    value = client.cookies["reingest"]
    assert client.post("/logout", headers={"X-CSRF-Token": csrf}).status_code == 204
    client.cookies.set("reingest", value)
    assert client.get("/api/jobs").status_code == 401
