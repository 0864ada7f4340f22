"""A load is promoted only by its finalise record; what served before there were records stays promotable."""

from __future__ import annotations

import struct

import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.postgres.control import crc32c, read_control
from plugins.module_utils.reingest.promotion.finalised import record_of

A, B, C = "20261101T000000Z", "20261102T000000Z", "20261103T000000Z"


def number(snapshot):
    return "".join(digit for digit in snapshot if digit.isdigit())


def old_line(site, snapshot):
    """Write the line that a load got before there were records."""
    site.load(snapshot, finalised=False)
    site.volume.records.mkdir(exist_ok=True)
    site.record("loaded", snapshot, "load", {"system_identifier": number(snapshot)})


def write_control(data, **fields):
    """Change fields of ``pg_control`` by name, checksum included."""
    path = data / "global/pg_control"
    raw = bytearray(path.read_bytes())
    places = {
        "lsn": ("<Q", 40),
        "timeline": ("<I", 48),
        "full_page_writes": ("<B", 56),
        "wal_level": ("<i", 172),
    }
    for name, value in fields.items():
        struct.pack_into(places[name][0], raw, places[name][1], value)
    struct.pack_into("<I", raw, 288, crc32c(bytes(raw[:288])))
    path.write_bytes(raw)


def refused(site, match, **values):
    for dry in (False, True):
        with pytest.raises(Refusal, match=match):
            site.plan(dry=dry, **values)


def test_a_record_is_read_as_it_was_written(site):
    site.load(A)
    assert record_of(site.ledger.load(A)) == site.finalise_record()


def test_a_load_that_was_not_finalised_is_refused(site):
    old_line(site, A)
    refused(site, r"ingest was loaded and not finalised .*: run load.yml, which keeps the rows")


def test_an_older_copy_of_a_load_is_refused(site):
    site.load(A)
    write_control(site.volume.ingest, lsn=1 << 20)
    refused(site, r"last checkpoint at 0/100000 of timeline 1, before the one that was finalised \(0/")


def test_an_earlier_timeline_is_refused(site):
    site.load(A)
    write_control(site.volume.ingest, timeline=0)
    refused(site, "of timeline 0, before the one that was finalised")


def test_a_later_checkpoint_is_what_the_stop_makes(site):
    site.load(A)
    write_control(site.volume.ingest, lsn=1 << 40)
    assert read_control(site.volume.ingest).checkpoint_lsn == "100/0"
    assert site.promote().changed


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("postgresql.auto.conf", "fsync = 'off'\n", r"postgresql.auto.conf:1 sets fsync = off"),
        ("postgresql.conf", "full_page_writes = off\n", r"postgresql.conf:1 sets full_page_writes = off"),
        ("postmaster.opts", '/bin/postgres "-D" "x" "-c" "fsync=0"\n', r"postmaster.opts sets fsync = 0"),
    ],
)
def test_a_setting_that_risks_the_rows_is_refused(site, name, text, said):
    site.load(A)
    (site.volume.ingest / name).write_text(text)
    refused(site, said)
    with pytest.raises(Refusal, match=said):  # a dry run whose load is still to come
        site.plan(loaded=B, dry=True)


def test_full_page_writes_that_were_off_until_the_stop_are_refused(site):
    site.load(A)
    write_control(site.volume.ingest, full_page_writes=0)
    with pytest.raises(Refusal, match="was run with full_page_writes = off until its last checkpoint"):
        site.plan()
    assert site.plan(dry=True).changed  # the checkpoint of the stop is still to come, and tells


def test_less_wal_than_productions_is_refused(site):
    site.serve(A)
    site.load(B)
    write_control(site.volume.ingest, wal_level=0)
    refused(site, "was run with wal_level = minimal, production is run with replica: give the staging server")


def test_more_wal_than_productions_is_no_fault(site):
    site.serve(A)
    site.load(B)
    write_control(site.volume.ingest, wal_level=2)
    assert site.promote().changed


def test_the_first_promotion_has_no_production_to_compare_with(site):
    site.load(A)
    write_control(site.volume.ingest, wal_level=0)
    assert site.promote().changed


def test_a_load_that_a_dead_run_has_moved_is_looked_at_again(site):
    site.load(A)
    site.volume.staging.mkdir()
    site.volume.ingest.rename(site.volume.snapshot(A))
    write_control(site.volume.snapshot(A), lsn=1 << 20)
    refused(site, "before the one that was finalised", snapshot=A)


def test_a_snapshot_of_a_time_before_there_were_records_is_a_way_back(site):
    site.serve(A)
    old_line(site, B)
    site.volume.ingest.rename(site.volume.snapshot(B))
    site.record("live", B, "old", {"previous": A, "kind": "ingest"})
    assert site.plan(B).changed


def test_a_snapshot_that_served_is_not_measured_against_its_load(site):
    site.serve(A, B)
    (site.volume.snapshot(A) / "postgresql.auto.conf").write_text("fsync = off\n")
    write_control(site.volume.snapshot(A), wal_level=0)
    assert site.promote(A, run="back", kind="rollback").changed
