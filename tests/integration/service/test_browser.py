"""The pages in Debian's Chromium: sign in, follow a job, cancel it, try the API out. Playwright drives it."""

from __future__ import annotations

import json
import os
import shutil
import threading

import pytest
from tiers import full
from waiting import wait_for

from demo.provider import Provider

ADA = "0000-0002-1825-0097"

pytestmark = full


@pytest.fixture(scope="module")
def browser():
    program = shutil.which("chromium")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("there is no Chromium here, and CI is set")
        pytest.skip("no Chromium: not run")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture
def signing(service_of, tmp_path):
    """Return a service with the demo's provider beside it."""
    secret = tmp_path / "client-secret"
    secret.write_text("not-a-real-secret")
    secret.chmod(0o600)
    provider = Provider(0, "", "APP-US", "not-a-real-secret")
    thread = threading.Thread(target=provider.serve_forever)
    thread.start()
    oidc = {"issuer": provider.issuer, "client_id": "APP-US", "client_secret_file": secret}
    service = service_of(oidc=oidc)
    provider.redirect = f"{service.settings.url}/login/callback"
    yield service
    provider.shutdown()
    provider.server_close()
    thread.join()


@pytest.fixture
def page(browser, signing):
    """Return a page of somebody who has signed in; what its scripts complain of fails the test."""
    context = browser.new_context(viewport={"width": 390, "height": 800})
    made, complaints = context.new_page(), []
    made.on("pageerror", lambda error: complaints.append(str(error)))
    made.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    made.goto(signing.settings.url)
    made.get_by_role("link", name="Sign in").click()
    made.get_by_role("link", name=ADA).click()
    made.get_by_role("heading", name="demo").wait_for()
    yield made
    context.close()
    assert [
        one for one in complaints if "status of 401" not in one
    ] == []  # what comes before and after a session


def test_a_person_signs_in_follows_a_job_and_cancels_it(page, signing):
    lines = [f"line {number} <b>bold</b>" for number in range(50)]
    (signing.here / "do").write_text(json.dumps({"waits": True, "lines": lines}))
    job = signing.by_token().post("/api/jobs/load", json={}).json()["id"]
    page.reload()
    page.get_by_text("line 49 <b>bold</b>").wait_for()
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0  # no part is wider than a phone
    page.get_by_role("button", name="Cancel this run").click()
    page.locator(".state.cancelled").first.wait_for(timeout=60000)
    assert signing.ended(job).state == "cancelled"
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name="Sign in").wait_for()


def test_the_api_is_tried_out_in_the_browser_under_the_strict_policy(page, signing):
    page.get_by_role("link", name="API", exact=True).first.click()
    page.locator("#operations-jobs-begin_load").get_by_role("button").first.click()
    page.get_by_role("button", name="Try it out").click()
    page.locator("#operations-jobs-begin_load textarea").fill('{"check": true}')
    page.get_by_role("button", name="Execute").click()
    job = wait_for(lambda: next(iter(signing.parts.jobs.newest()), None), "the job")
    assert (job.kind, job.dry, job.person, job.through) == ("load", True, ADA, "session")
    assert signing.ended(job.id).state == "succeeded"
