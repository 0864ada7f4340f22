"""Before a run: the module's real ``main`` tells all that is wrong with the poolers."""

from __future__ import annotations

from claims import claim_for

from plugins.module_utils.reingest.fs.durable import make_own_directory
from plugins.module_utils.reingest.outage.line import write_outage
from plugins.module_utils.reingest.poolers.faults import Needs
from plugins.module_utils.reingest.poolers.login import direct
from plugins.module_utils.reingest.preflight.poolers import check_poolers
from plugins.module_utils.reingest.volume.layout import Volume

from .conftest import WEB, poolers


def hold(*raw, **more):
    return {"kind": "pgbouncer", "poolers": list(raw), **more}


def check(run_module, tmp_path, given, **params):
    return run_module(
        "run_check",
        engine="process",
        records=str(tmp_path / "records"),
        run="run-1",
        operator="0000-0002-1825-0097",
        hold=given,
        **params,
    )


def test_poolers_that_can_hold_are_no_finding(bouncer, run_module, tmp_path):
    at = bouncer()
    result = check(run_module, tmp_path, hold(at.raw()), switches=True)
    assert not result.get("failed"), result["msg"]


def test_all_that_is_wrong_is_told_at_once_and_what_may_be_accepted_says_how(bouncer, run_module, tmp_path):
    slow, short = bouncer(server_login_retry=15), bouncer(query_wait_timeout=5)
    raw = (slow.raw(), short.raw(), short.raw("nothing"))
    result = check(run_module, tmp_path, hold(*raw), switches=True)
    told = result["msg"].splitlines()
    assert len(told) == 3
    assert any("lets its clients wait 5 s (query_wait_timeout)" in line for line in told)
    assert any("has no database nothing in its configuration" in line for line in told)
    (retry,) = (line for line in told if "after 15 s" in line)
    assert "-e reingest_accept=hold:server_login_retry" in retry
    accepted = check(run_module, tmp_path, hold(raw[0]), switches=True, accept=["hold:server_login_retry"])
    assert not accepted.get("failed"), accepted["msg"]
    assert "accepted: hold:server_login_retry: the pooler at" in str(accepted["warnings"])


def test_a_pooler_must_let_its_clients_wait_for_as_long_as_earlier_switches_predict(
    bouncer, run_module, tmp_path
):
    volume = Volume(tmp_path / "volume")
    volume.root.mkdir()
    make_own_directory(volume.records)
    claim_for(volume, "run-1")
    at = bouncer(query_wait_timeout=35)
    assert not check(run_module, tmp_path, hold(at.raw()), volume=str(volume.root)).get("failed")
    outage = {"outage_s": 40.0, "parts": {"carry_rows": 39.0, "promote": 1.0}, "user_bytes": 1}
    write_outage(volume, outage, "", run="run-1", operator="0000-0002-1825-0097")
    refused = check(run_module, tmp_path, hold(at.raw(), window=5), volume=str(volume.root))
    assert "lets its clients wait 35 s (query_wait_timeout), and the switch may take 40 s" in refused["msg"]


def test_what_an_inventory_says_wrongly_is_told_by_the_variable_s_name(run_module, tmp_path):
    wrong = {"kind": "pgpool", "blocked": "wait", "restart": "all", "poolers": []}
    told = check(run_module, tmp_path, wrong)["msg"]
    for name in ("reingest_hold is 'pgpool'", "reingest_hold_blocked is 'wait'"):
        assert name in told
    assert "reingest_hold_restart is 'all'" in told
    assert "reingest_poolers names no pooler" in told


def test_a_password_in_a_string_is_refused_and_shown_nowhere(run_module, tmp_path):
    admin = "postgresql://admin:hidden-word@127.0.0.1:6432/pgbouncer"
    result = check(run_module, tmp_path, hold({"admin": admin, "database": "portal"}))
    assert "holds a password" in result["msg"]
    assert "hidden-word" not in str(result)


def test_the_login_that_is_made_before_clients_go_on_is_tried_while_production_serves(production, bouncer):
    at = bouncer()
    good = direct(at.dsn(WEB), production.dsn(), "portal")
    wrong = direct(f"postgresql://{WEB}:wrong@x/portal", production.dsn(), "portal")
    needs = Needs(window=30)
    assert check_poolers(poolers(at.raw()), needs, lambda: [good], timeout=3) == []
    (found,) = check_poolers(poolers(at.raw()), needs, lambda: [wrong], timeout=3)
    assert "before the clients of the poolers go on fails" in found.text
    assert not found.name  # nobody can accept it: the switch would go back for it
    assert check_poolers(poolers(at.raw()), needs, None, timeout=3) == []
