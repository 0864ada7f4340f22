"""The ledger's line of an outage, and the earlier switches that are read from such lines."""

from __future__ import annotations

from plugins.module_utils.reingest.outage.forecast import Past
from plugins.module_utils.reingest.outage.line import past_switches, predicted_outage, write_outage
from plugins.module_utils.reingest.volume import ledger as ledger_file

A, B = "20261101T000000Z", "20261102T000000Z"
PARTS = {"stop_servers": 0.5, "start_production": 1.0}
OUTAGE = {
    "outage_s": 2.5,
    "parts": PARTS,
    "user_bytes": 7,
    "checkpoint_s": 0.1,
    "gaps": [{"began": "", "seconds": 2.5}] * 2,
}
WHO = {"operator": "0000-0002-1825-0097"}


def test_a_line_is_about_what_is_live_and_the_next_switch_reads_it(site):
    site.serve(A)
    write_outage(site.volume, OUTAGE, "2.50 s without a good answer", run="run-1", **WHO)
    line = site.ledger.entries[-1]
    assert (line.state, line.snapshot, line.run) == (ledger_file.MEASURED, A, "run-1")
    assert (line.why, line.detail["gaps"]) == ("2.50 s without a good answer", 2)
    assert past_switches(site.ledger) == [Past(PARTS, 2.5, 7, 0.1)]
    assert (site.ledger.live(), site.ledger.good(A)) == (A, True)


def test_one_that_no_prober_saw_has_its_parts(site):
    site.serve(A)
    write_outage(site.volume, {"parts": PARTS}, "not measured: why", run="run-1", **WHO)
    assert past_switches(site.ledger) == [Past(PARTS)]


def test_a_switch_that_was_taken_back_tells_nothing_of_the_next_one(site):
    site.serve(A, B)
    site.recover(failed="the portal is not healthy", run=f"run-of-{B}")
    write_outage(site.volume, OUTAGE, "", run=f"run-of-{B}", **WHO)
    assert site.ledger.entries[-1].state == ledger_file.MEASURED
    assert past_switches(site.ledger) == []


def test_a_damaged_line_is_passed_over(site):
    site.serve(A)
    for wrong in ({"parts": {}}, {"parts": {"x": -1}}, {"outage_s": "long"}, {"user_bytes": True}):
        write_outage(site.volume, {**OUTAGE, **wrong}, "", run="run-1", **WHO)
    assert past_switches(site.ledger) == []


def test_what_is_predicted_without_a_look_at_production_is_by_as_many_rows_as_last_time(site):
    site.serve(A)
    assert predicted_outage(site.ledger) == 0
    parts = {"carry_rows": 30.0, "start_production": 1.0}
    outage = {"outage_s": 31.0, "parts": parts, "user_bytes": 1_000_000}
    write_outage(site.volume, outage, "", run="run-1", **WHO)
    assert predicted_outage(site.ledger) == 31
