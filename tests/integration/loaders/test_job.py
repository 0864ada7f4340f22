"""The portal's own loader as a job: a real HTTP server on loopback, real PostgreSQL servers."""

from __future__ import annotations

import json
import ssl
import threading
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address

import psycopg2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from integration.loaders.job_server import TOKEN, JobServer


@pytest.fixture
def jobs(place):
    """Return ``make(does)``: a server whose jobs fill the database, then do what the test says."""
    made = []

    def make(does=lambda log: "succeeded"):
        def work(log):
            with psycopg2.connect(place.dsn) as connection, connection.cursor() as cursor:
                cursor.execute("INSERT INTO author VALUES (1, 'Ada')")
                cursor.execute("INSERT INTO book VALUES (1, 1, 'Notes')")
            connection.close()
            log("loaded 1 of 1 books")
            return does(log)

        made.append(JobServer(work))
        return made[-1]

    yield make
    for server in made:
        server.close()


def job(server, **more):
    """Return the declaration of a job of that server."""
    given = {"url": server.url, "token": TOKEN, "status_url": "/api/jobs/{id}", "id_path": "job.id"}
    states = {"success": ["succeeded"], "failure": ["failed", "cancelled"]}
    log = {"log_url": "/api/jobs/{id}/log", "log_path": "lines"}
    return {**given, **states, **log, "poll": 0.05, "timeout": 60, "body": {"release": "r1"}, **more}


def test_a_job_that_ends_well_is_a_load_as_any(load, jobs, place, staging):
    server = jobs()
    result = load(job=job(server), progress=["of 1 books"])
    assert result["changed"], result.get("msg")
    assert server.posts == [{"release": "r1"}]
    assert {name: count["loaded"] for name, count in result["tables"].items()} == {
        "author": 1,
        "book": 1,
        "loan": 0,
    }
    assert staging.rows("SELECT release, finished IS NOT NULL FROM reingest.load", "library") == [
        ("r1", True)
    ]
    assert place.log == "loaded 1 of 1 books\n"
    assert result["step"]["detail"]["progress"] == "loaded 1 of 1 books"
    again = load(job=job(server))
    assert (again["changed"], again["action"], len(server.posts)) == (False, "keep_staged", 1)


def test_a_log_of_plain_text_is_followed_too(load, jobs, place):
    server = jobs()
    assert load(job=job(server, log_url="/api/jobs/{id}/log.txt", log_path=""))["changed"]
    assert place.log == "loaded 1 of 1 books\n"


def test_a_job_without_a_log_is_judged_by_its_state(load, jobs):
    assert load(job=job(jobs(), log_url="", log_path=""))["changed"]


def test_a_job_that_fails_leaves_no_finished_load(refusal, jobs, staging):
    def fails(log):
        log("no space left")
        return "failed"

    message = refusal(job=job(jobs(fails)))
    assert "job 17" in message
    assert "its state is 'failed'; its last line: no space left" in message
    assert staging.rows("SELECT finished FROM reingest.load", "library") == [(None,)]


def test_an_error_in_the_log_of_a_job_that_ended_well_fails_the_load(refusal, load, jobs):
    def errs(log):
        log("ERROR: 3 books are lost")
        return "succeeded"

    assert "line 2: ERROR: 3 books are lost" in refusal(job=job(jobs(errs)))
    assert load(job=job(jobs(errs)), benign=["3 books are lost"])["changed"]


def test_a_fatal_line_ends_the_waiting_and_says_that_the_job_may_run_on(refusal, jobs):
    ended = threading.Event()

    def hangs(log):
        log("lost the connection")
        ended.wait(60)
        return "succeeded"

    try:
        message = refusal(job=job(jobs(hangs)), fatal=["lost the"])
    finally:
        ended.set()
    assert "declared fatal: lost the connection" in message
    assert "may run on" in message


def test_a_job_without_an_end_is_given_up_after_its_timeout(refusal, jobs):
    ended = threading.Event()

    def hangs(log):
        ended.wait(60)
        return "succeeded"

    try:
        message = refusal(job=job(jobs(hangs), timeout=1))
    finally:
        ended.set()
    assert "did not end within 1 s" in message
    assert "may run on: end it there" in message


def test_a_wrong_token_is_refused_and_not_shown(load, jobs, staging):
    server = jobs()
    result = load(job=job(server, token="wrong-but-secret"))
    assert "answers 401" in result["msg"]
    assert "REINGEST_LOADER_TOKEN" in result["msg"]
    assert "wrong-but-secret" not in json.dumps(result)
    assert len(server.posts) == 1
    assert "no token" in load(job=job(server, token=""))["msg"]


def test_a_poll_that_goes_unanswered_is_repeated_and_the_post_is_not(load, refusal, jobs):
    server = jobs()
    server.answers = {"GET /api/jobs/17": (503, {}), "GET /api/jobs/17/log": (-1, {})}
    assert load(job=job(server))["changed"]
    server = jobs()
    server.answers = {"POST /api/jobs/ingest": (-1, {})}  # taken, and the connection lost
    message = refusal(job=job(server), force=True)
    assert "whether the job was started is not known" in message
    assert len(server.posts) == 1


def test_polls_that_stay_unanswered_are_given_up(refusal, jobs):
    server = jobs()
    message = refusal(job=job(server, status_url="http://127.0.0.1:1/{id}", attempts=3))
    assert "3 times in a row" in message
    assert "may run on" in message


def test_no_redirect_is_followed(refusal, jobs):
    server, other = jobs(), jobs()
    server.answers = {"POST /api/jobs/ingest": (307, {"Location": other.url})}
    assert f"redirects to {other.url}" in refusal(job=job(server))
    assert other.posts == []


def test_answers_that_are_not_as_declared_are_refused(refusal, jobs):
    assert "no id at 'id'" in refusal(job=job(jobs(), id_path="id"))
    assert "no state at 'state'" in refusal(job=job(jobs(), status_path="state"))
    assert "answers 404" in refusal(job=job(jobs(), status_url="/nothing/{id}"))
    assert "is no address" in refusal(job=job(jobs(), status_url="ftp://127.0.0.1/{id}"))
    assert "none of job.failure" in refusal(job=job(jobs(), failure=["succeeded"]))


def test_check_mode_asks_no_job_server(run_module, arguments, jobs):
    server = jobs()
    planned = run_module("loader_run", check=True, job=job(server), **arguments)
    assert planned["changed"], planned
    assert (server.posts, server.polls) == ([], 0)


def self_signed(file):
    """Write a key and its own certificate for 127.0.0.1 into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "jobs")])
    now = datetime.now(timezone.utc)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(key.private_bytes(*plain) + made.public_bytes(Encoding.PEM))
    return file


def test_a_certificate_that_nobody_vouches_for_is_refused_and_a_named_authority_is_trusted(
    load, refusal, jobs, tmp_path
):
    certificate = self_signed(tmp_path / "certificate.pem")
    server = jobs()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.wrap(context)
    assert "self-signed certificate" in refusal(job=job(server))
    assert server.posts == []
    assert load(job=job(server, ca_file=str(certificate)))["changed"]
