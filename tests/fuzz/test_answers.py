"""Answers of what is asked over a network: whatever comes, it is read, refused, or told as no good answer."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

from hostile import ODD, changed, fed, json_texts
from hypothesis import strategies as st
from unit.poolers.hostile_pooler import ENTRY, SERVER

from plugins.module_utils.reingest.engines.model import Health
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.external_loader.job import _at, _json
from plugins.module_utils.reingest.host.web import leads_on
from plugins.module_utils.reingest.outage.request import _judged
from plugins.module_utils.reingest.poolers.model import poolers_from
from plugins.module_utils.reingest.poolers.seen import entries, entry, pool_modes, sessions, settings
from plugins.module_utils.reingest.services.health import _mismatch

(POOLER,) = poolers_from(
    [{"admin": "host=pooler user=admin", "database": "portal"}], environment={}, home=Path("/nonexistent")
)
CLIENT = {"ptr": "0x1", "addr": "10.0.0.1", "port": 1, "application_name": "x"}
TOLD = {
    "SHOW DATABASES": [ENTRY, {**ENTRY, "name": "other"}],
    "SHOW CONFIG": [{"key": "pool_mode", "value": "session"}],
    "SHOW POOLS": [{"database": "portal", "pool_mode": "session"}],
    "SHOW SERVERS": [SERVER],
    "SHOW CLIENTS": [CLIENT],
}


@fed(changed([TOLD]))
def test_a_pooler_is_read_or_refused(only, told):
    def ask(statement, _):
        rows = told.get(statement)
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []

    console = SimpleNamespace(pooler=POOLER, ask=ask)
    for read in (entry, entries, settings, pool_modes, sessions):
        with only(Refusal):
            str(read(console, 1.0))


@fed(
    json_texts([{"release": "r1", "status": "ok", "deep": {"a": [1, {"b": None}]}}]),
    st.sampled_from(["", "release"]),
)
def test_an_answer_of_the_portal_is_good_or_not(only, body, key):
    with only():
        answer = _judged(200, body, key)
        assert answer.good or answer.why
        told = _mismatch(Health(http="http://portal/", json={"status": "ok", "release": "r1"}), body)
        assert len(told) < 1000


@fed(
    json_texts([{"job": {"id": 17}, "status": "running", "lines": ["a", 1]}]),
    st.sampled_from(["job.id", "lines.0", "lines.9", ""]),
)
def test_an_answer_of_a_job_server_is_read_or_refused(only, body, path):
    with only(Refusal):
        json.dumps(_at(_json("http://jobs/", body), path))


@fed(
    st.sampled_from(["http://portal/", "https://portal:8443/x", "http://[::1]/"]),
    st.text(max_size=30)
    | st.lists(
        st.sampled_from(
            [
                "http:",
                "https:",
                "//",
                "portal",
                "@",
                ":",
                "80",
                "443",
                "/",
                "[",
                "]",
                "\\",
                "?",
                "#",
                "file:",
                "\n",
            ]
        ),
        max_size=8,
    ).map("".join)
    | ODD.map(str),
)
def test_a_redirect_leads_to_the_same_host_or_nowhere(only, before, after):
    with only():
        if not leads_on(before, after):
            assert urlsplit(after).hostname == urlsplit(before).hostname
            assert urlsplit(after).scheme in ("http", "https")
