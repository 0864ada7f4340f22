"""Records: whatever lies in the place of one, it is read or refused, and what is read names no path."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict
from datetime import datetime, timezone

import pytest
from hostile import changed, fed, json_texts
from hypothesis import strategies as st

from plugins.module_utils.reingest.adoption.adoption_record import Adopting, read_adopting
from plugins.module_utils.reingest.carry.record import (
    Carried,
    CarriedDatabase,
    Fenced,
    OtherFence,
    Stored,
    TableSum,
    carried_record,
    carried_units,
    empty_carried_folder,
    fence_record,
    write_fence,
)
from plugins.module_utils.reingest.carry.unit import QUARANTINE_UNIT, Counter
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.frame.kept_roles import (
    KeptMembership,
    KeptRole,
    KeptRoles,
    kept_roles,
    roles_of,
)
from plugins.module_utils.reingest.frame.role_changes import plan_roles
from plugins.module_utils.reingest.frame.roles import ATTRIBUTES, Roles
from plugins.module_utils.reingest.fs.lock_file import Worker, open_lock, read_worker
from plugins.module_utils.reingest.load.look import NoAnswerError, look_command, read_look
from plugins.module_utils.reingest.load.progress import Progress, TableProgress, fate, read_progress, silence
from plugins.module_utils.reingest.outage.forecast import Now, forecast
from plugins.module_utils.reingest.outage.line import past_switches
from plugins.module_utils.reingest.outage.probe_record import FILE as PROBE_FILE
from plugins.module_utils.reingest.outage.probe_record import end_prober
from plugins.module_utils.reingest.profile.kept import KeptProfiles, KeptTable, kept_from_plain
from plugins.module_utils.reingest.profile.model import ColumnProfile, TableProfile
from plugins.module_utils.reingest.promotion.finalised import record_of
from plugins.module_utils.reingest.promotion.journal import Intent, Place, begun_in, read_intent
from plugins.module_utils.reingest.reporting.progress_lines import load_lines
from plugins.module_utils.reingest.reporting.report import DONE, make_report, report_lines
from plugins.module_utils.reingest.reporting.volume_info import describe
from plugins.module_utils.reingest.retention.leaving import Leaving, read_leaving
from plugins.module_utils.reingest.retention.rules import Rules, judge, last_good
from plugins.module_utils.reingest.runs.steps import StepClock, predicted, read_steps, told_steps
from plugins.module_utils.reingest.volume.layout import Volume
from plugins.module_utils.reingest.volume.ledger import STATES, survey_ledger
from plugins.module_utils.reingest.volume.lock import Claim, holder, refuse_held
from plugins.module_utils.reingest.volume.pending_views import PendingViews, note_pending, pending_record
from plugins.module_utils.reingest.volume.profile_record import read_profiles
from plugins.module_utils.reingest.volume.proof_record import Proof, read_proof
from plugins.module_utils.reingest.volume.times_record import earlier_times, keep_times
from plugins.module_utils.reingest.volume.unsaved import Unsaved, hold, unsaved
from plugins.module_utils.reingest.volume.unsynced import Unsynced, is_lost, read_mark
from plugins.module_utils.reingest.window.lease import silence as silent_for
from plugins.module_utils.reingest.window.watchdog_claim import left_behind
from plugins.module_utils.reingest.window.window_record import (
    Closed,
    Note,
    Window,
    read_closed,
    read_note,
    read_window,
    services,
)

A, B = "20261101T000000Z", "20261102T000000Z"
RUN, WHO, AT = "20261123T114500Z-0f3a", "0000-0002-1825-0097", "2026-11-23T11:45:00+00:00"
NOW = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)
SERVICE = {
    "name": "db",
    "kind": "postgresql",
    "data": "/data",
    "linked": True,
    "command": ["postgres"],
    "user": "postgres",
    "environment": {"LANG": "C"},
    "directory": "/",
    "health": {"tcp": "h:1", "json": {"a": 1}},
}
WINDOW = Window(
    RUN, WHO, "/volume", A, B, "process", (SERVICE,), (), (SERVICE,), 60.0, 60.0, 60.0, "boot", 1.0, AT
)
CLAIM = Claim(RUN, WHO, "host/boot/1", 4711, "1", AT, AT, "load")
INTENT = Intent(RUN, WHO, "promote", A, B, "ingest", Place(7, "12"))
LEAVING = Leaving(RUN, WHO, {A: A, B: f"{B}~2"}, {A: "old"})
MARK = Unsynced("12", "boot", RUN, AT)
WORKER = asdict(Worker(4711, "1", RUN))
LEASE = {"boot": "boot", "at": 7.5, "step": "stop the writers"}
CARRIED = Carried(
    RUN,
    "12",
    "portal",
    AT,
    "740",
    "0/16B9900",
    carried_units({QUARANTINE_UNIT: "unit0"}),
    {"t": TableSum(3, "-17")},
    (Counter("public", "t_id_seq", 3, called=True, shared=False),),
    TableSum(2, "5"),
    (Stored("t", "1663/5/16384", logged=True),),
    (CarriedDatabase("jobs", f"reingest_{'0' * 32}", "database0", {"public.job": TableSum(1, "7")}),),
)
FENCED = Fenced(
    RUN, "12", "portal", AT, f"reingest_{'0' * 32}", RUN, RUN, (OtherFence("jobs", f"reingest_{'1' * 32}"),)
)
PROOF = Proof(WHO, "SHA256:x", "{}", "-----BEGIN SSH SIGNATURE-----", {"snapshot": A})
UNSAVED = Unsaved(RUN, AT, "3 rows")
VIEWS = PendingViews(RUN, "12", "portal", AT, ("m", "other.n"))
ROLES = KeptRoles(
    (
        KeptRole(
            "ada", dict.fromkeys(ATTRIBUTES.values(), True), -1, "", ("SCRAM-SHA-256$x",), {"work_mem": "1MB"}
        ),
    ),
    {"search_path": '"$user", public'},
    (KeptMembership("readers", "ada", "", False, (True,), ()),),
)
NOBODY = Roles("", True, {}, {}, {})
NAMES = re.compile(r"[A-Za-z0-9][A-Za-z0-9 .:+~_-]*")


def plain(value):
    return json.loads(json.dumps(asdict(value)))


@pytest.fixture(scope="module")
def volume(folder):
    made = Volume(folder / "volume")
    for path in (made.ingest, made.staging, made.records):
        path.mkdir(parents=True)
    empty_carried_folder(made, RUN)
    note_pending(made, "12", "portal", VIEWS.views, run=RUN)
    write_fence(made, FENCED)
    hold(made, A, run=RUN, why="3 rows")
    return made


RECORDS = {
    "journal": ("journal.json", read_intent, INTENT),
    "claim": ("claim.json", holder, CLAIM),
    "window": ("window.json", lambda volume: read_window(volume.records), WINDOW),
    "note": ("window.json", read_note, Note(RUN, "/work/services")),
    "closed": ("window.closed.json", lambda volume: read_closed(volume.records), Closed(RUN, "x", AT, A)),
    "adopting": ("adopting.json", read_adopting, Adopting(A, Place(7, "12"))),
    "pruning": ("prune.json", read_leaving, LEAVING),
    "unsynced": ("unsynced.json", read_mark, MARK),
    "carried": (
        f"runs/{RUN}/carried/manifest.json",
        lambda volume: carried_record(volume, RUN).read(),
        CARRIED,
    ),
    "views": ("views/12.json", lambda volume: pending_record(volume, "12").read(), VIEWS),
    "fence": ("fenced/12.json", lambda volume: fence_record(volume, "12").read(), FENCED),
    "proof": (f"runs/{RUN}/proof.json", lambda volume: read_proof(volume, RUN), PROOF),
    "unsaved": (f"unsaved/{A}.json", lambda volume: unsaved(volume, A), UNSAVED),
    "roles": ("roles.json", lambda volume: kept_roles(volume.records).read(), ROLES),
}
USES = {
    "journal": begun_in,
    "claim": lambda volume: (left_behind(holder(volume)), refuse_held(volume, "x", age=1)),
    "window": lambda volume: services(read_window(volume.records).production),
    "unsynced": is_lost,
    "roles": lambda volume: plan_roles(roles_of(kept_roles(volume.records).read()), NOBODY, last=True),
}


@pytest.mark.parametrize("kind", RECORDS)
@fed(st.data())
def test_a_record_is_read_as_it_would_be_written_or_refused(volume, only, kind, data):
    name, read, whole = RECORDS[kind]
    (volume.records / name).write_bytes(data.draw(json_texts([plain(whole)])))
    found = None
    with only(Refusal):
        found = read(volume)
    if found is not None:
        json.dumps(asdict(found))
        for value in (found.run if hasattr(found, "run") else A, getattr(found, "snapshot", A)):
            assert not value or NAMES.fullmatch(value), value
        if kind == "pruning":
            assert all(map(NAMES.fullmatch, (*found.snapshots, *found.snapshots.values())))
        with only(Refusal):
            USES.get(kind, read)(volume)
    (volume.records / name).unlink()


@fed(json_texts([{"started": {"db": [0.2, 3]}, "stopped": {"db": [1.5]}}]))
def test_times_of_earlier_runs_are_times_or_nothing(volume, only, text):
    volume.times.write_bytes(text)
    with only():
        assert 0 <= earlier_times(volume).longest_start <= 3600
        keep_times(volume, [{"detail": {"took": {"started": {"db": 1.0}}}}])
    assert earlier_times(volume).started["db"][-1] == 1.0


@fed(json_texts([WORKER]))
def test_the_text_of_a_lock_names_a_worker_or_nobody(folder, only, text):
    (folder / "lock").write_bytes(text)
    with only(), open_lock(folder / "lock") as lock:
        who = read_worker(lock)
    assert who is None or type(who.pid) is int


@fed(json_texts([LEASE]))
def test_a_lease_tells_how_long_a_run_was_silent_or_nothing(folder, only, text):
    (folder / "window.lease").write_bytes(text)
    with only():
        assert isinstance(silent_for(folder, WINDOW), float)


FINALISE = {"checkpoint_lsn": "0/1A", "timeline": 1, "settings": {"fsync": "on"}, "at": AT, "started": AT}
DETAIL = {
    "system_identifier": "12",
    "release": "r",
    "kind": "promote",
    "previous": B,
    "bytes": 9,
    "largest": 1,
    "parts": {"stop_servers": 1.0, "start_production": 0.5},
    "outage_s": 2.5,
    "user_bytes": 7,
    "checkpoint_s": 0.1,
}
LINES = [
    {
        "version": 1,
        "state": state,
        "snapshot": snapshot,
        "at": AT,
        "run": RUN,
        "operator": WHO,
        "why": "",
        "detail": {**DETAIL, "finalise": FINALISE, **({"restored": A} if state == "bad" else {})},
    }
    for state in STATES
    for snapshot in (A, B)
]


@fed(st.lists(json_texts(LINES), max_size=6))
def test_a_ledger_is_read_line_by_line_and_decides_by_what_is_sound(volume, only, lines):
    volume.ledger.write_bytes(b"\n".join(lines) + b"\n")
    with only(Refusal):
        ledger, _ = survey_ledger(volume)
        forecast(past_switches(ledger), Now(1, 0.1)).told()
        json.dumps([asdict(entry) for entry in ledger.entries])
        live = ledger.live()
        assert not live or NAMES.fullmatch(live)
        for name in (A, B):
            (
                ledger.good(name),
                ledger.bad(name),
                ledger.proven(name),
                ledger.release(name),
                ledger.why_bad(name),
            )
        ledger.promotion(RUN)
        judge(ledger, [A, B], Rules(1, 30), serving=[A], way_back=last_good(ledger, [A, B], A), now=NOW)
        describe(volume, now=NOW)
        record_of(ledger.load(A))


STEP = StepClock("load").step(["a"], changed=True, detail={"tables": {"t": {"owner": "source", "read": 1}}})
GAP = {"began": AT, "seconds": 2.5, "failed": 3, "ended": True}
SEEN = {
    "probes": 9,
    "failed": 3,
    "outage_s": 2.5,
    "worst_ms": 8.0,
    "gaps": [GAP, GAP],
    "more_gaps": 1,
    "release": "r1",
    "new_release": "r2",
    "first_new": AT,
    "last_why": "it answers 503",
}
PREDICTED = {
    "seconds": 2.4,
    "parts": {"promote": 2.4},
    "runs": 1,
    "told": "2.4 s",
    "user_bytes": 5,
    "checkpoint_s": 0.1,
}
WATCHED = StepClock("switch").step(
    ["stop a"],
    changed=True,
    detail={
        "probes": True,
        "outage": SEEN,
        "predicted": PREDICTED,
        "budget": 3.0,
        "window": {"stop_writers": 1.0},
        "unmeasured": "why",
    },
)


@fed(st.lists(json_texts([{**StepClock("load").step(["a"], changed=True), "failure": "x", "host": "h",
    "predicts": {"services": {"db": "started"}, "copied": A, "live": A, "loading": True}},
    StepClock("switch").step(["a"], changed=True, detail={"tables": {"t": {"owner": "source", "read": 1}}}),
    WATCHED]), max_size=5))  # fmt: skip
def test_the_steps_of_a_run_make_a_report_without_what_is_none(folder, only, lines):
    (folder / RUN).mkdir(exist_ok=True)
    (folder / RUN / "steps.jsonl").write_bytes(b"\n".join(lines))
    with only():
        predicted(read_steps(folder, RUN))
        told(told_steps(folder, RUN))


def told(steps):
    made = make_report(
        steps, run=RUN, playbook="ingest", operator=WHO, outcome=DONE, failure="", began=AT, now=NOW
    )
    json.dumps(made.as_values())
    return report_lines(made)


FILLED = {"now": {"filled": 0.5, "minimum": "1"}, "before": {"filled": 0.9}}
VERIFIED = {"profiles": {"t": {"rows": 3, "rows_before": 4, "disk": 8192, "columns": {"c": FILLED}}}}
COMPARED = StepClock("verify").step(["a"], changed=False, detail=VERIFIED)


@fed(json_texts([{"ended": "it was told to", "seen": SEEN}]))
def test_what_a_prober_left_is_read_or_is_nothing(folder, only, text):
    (folder / PROBE_FILE).write_bytes(text)
    with only():
        seen = end_prober(folder)
        json.dumps(seen.as_values() if seen else None)


@fed(
    st.lists(
        changed([{**STEP, "host": "h"}, {**COMPARED, "host": "h"}, {**WATCHED, "host": "h"}]), max_size=4
    )
)
def test_what_another_host_calls_its_steps_does_not_end_the_report(only, steps):
    with only():
        told(steps)


COLUMN = ColumnProfile("text", "text", 3, 9, None, "a", "b", None, 2, {"a": 0.5})
KEPT = KeptProfiles(
    A, "portal", {"t": KeptTable("1.8192.3.0.0", TableProfile(3, {"c": COLUMN}, ("c",), "7", 1))}
)


@fed(json_texts([KEPT.plain()]))
def test_profiles_that_were_kept_are_profiles_or_none(volume, only, text):
    file = volume.run(RUN) / "profile.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text)
    with only():
        found = read_profiles(volume, A, [RUN])
        kept = kept_from_plain(found)
        assert kept is None or kept.holding({"t": "1.8192.3.0.0"}, {}, {"t": ()}) == {}


TABLE = TableProgress("study", "loading", 5, 50, 100, 3.0, 2.5)
LOAD = Progress(
    RUN, WHO, "db:5432", "r", A, "copy", "running", "", "", AT, AT, "m/b", os.getpid(), "1", 9.0,
    (TABLE, TABLE), 10, 100, 200, 8.0,
)  # fmt: skip


@fed(json_texts([plain(LOAD)]))
def test_the_state_of_a_load_is_one_or_a_value_error_and_can_be_shown(only, text):
    with only(ValueError):
        load = read_progress(text.decode("utf-8", "replace"))
        with only():
            load_lines(load, fate(load, NOW), silence(load, NOW))
            command = look_command("/work/progress.json", load, "j1.2")
            assert re.search(r"cat /proc/-?\d+/stat ", command)


@fed(st.data())
def test_an_answer_to_a_look_is_a_look_or_none(only, data):
    text = data.draw(json_texts([plain(LOAD)])).decode("utf-8", "replace")
    process = data.draw(st.text(max_size=20) | st.sampled_from(["1 (x) S", "1 (x) R" + " 1" * 30]))
    parts = [text, "\nreingest-process:\n", process, "\nreingest-job:\n", "0", "\nreingest-seen\n"]
    kept = data.draw(st.lists(st.sampled_from(parts), max_size=8) | st.just(parts))
    with only(NoAnswerError):
        read_look("".join(kept), LOAD)


def test_the_documents_that_are_changed_are_sound(volume):
    for name, read, whole in RECORDS.values():
        (volume.records / name).write_text(json.dumps(plain(whole)))
        assert read(volume) == whole
        (volume.records / name).unlink()
    assert read_progress(json.dumps(plain(LOAD))) == LOAD
    volume.ledger.write_text("".join(f"{json.dumps(line)}\n" for line in LINES))
    ledger, faults = survey_ledger(volume)
    assert (len(ledger.entries), faults) == (len(LINES), [])
    volume.ledger.unlink()
