"""What the account of the PostgreSQL servers puts into a data directory leads nobody elsewhere."""

from __future__ import annotations

import os
import subprocess
from datetime import datetime, timezone

import pytest
from attacker import belongs_to_attacker, within
from clusters import unprivileged

from plugins.module_utils.reingest.adoption.survey import survey
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.fs import copy_file
from plugins.module_utils.reingest.postgres.control import read_control
from plugins.module_utils.reingest.postgres.datadir import read_data_directory
from plugins.module_utils.reingest.postgres.ready import why_not_ready
from plugins.module_utils.reingest.postgres.settings import setting_faults
from plugins.module_utils.reingest.promotion.movable import probe_rename
from plugins.module_utils.reingest.staging.emptying import empty_ingest, is_half_emptied

pytestmark = pytest.mark.attack

A, B = "20261101T000000Z", "20261102T000000Z"
WHO = {"run": "run-1", "operator": "0000-0002-1825-0097"}


class TestEmptying:
    def test_a_link_in_the_place_of_what_is_taken_out_is_no_sign_of_an_emptying(self, site, precious):
        (site.volume.ingest / ".reingest-gone").symlink_to(precious)
        assert not is_half_emptied(site.volume)
        assert not [one for one in survey(site.volume, datetime.now(timezone.utc)) if "empt" in one.will]

    def test_nothing_is_deleted_that_a_link_leads_to(self, site, precious):
        site.load(A)
        (site.volume.ingest / ".reingest-gone").symlink_to(precious)
        empty_ingest(site.volume)
        assert list(site.volume.ingest.iterdir()) == []
        assert (precious / "file").read_text() == "root's own"

    def test_the_records_are_not_replaced_by_what_lies_in_ingest(self, site):
        site.serve(A)
        before = site.volume.ledger.read_bytes()
        site.load(B)
        (site.volume.ingest / ".reingest-gone").symlink_to("../.reingest")
        (site.volume.ingest / "ledger.jsonl").write_text("forged\n")
        empty_ingest(site.volume)
        assert site.volume.ledger.read_bytes().startswith(before)


class TestReading:
    @pytest.mark.parametrize(
        "name", ["global/pg_control", "PG_VERSION", "postgresql.conf", "postmaster.opts"]
    )
    @pytest.mark.parametrize("kind", ["fifo", "link", "sparse"])
    def test_a_file_that_would_block_or_never_ends_is_refused_at_once(self, site, name, kind):
        site.load(A)
        path = site.volume.ingest / name
        path.unlink(missing_ok=True)
        if kind == "fifo":
            os.mkfifo(path)
        elif kind == "link":
            path.symlink_to("/dev/zero")
        else:
            path.touch()
            os.truncate(path, 1 << 42)

        def look():
            read_data_directory(site.volume.ingest)
            setting_faults(site.volume.ingest)

        with within(10), pytest.raises(Refusal, match=str(path)):
            look()

    def test_an_include_that_blocks_is_refused(self, site):
        site.load(A)
        os.mkfifo(site.volume.ingest / "fifo.conf")
        (site.volume.ingest / "postgresql.conf").write_text("include 'fifo.conf'\n")
        with within(10), pytest.raises(Refusal, match=r"fifo\.conf: it is no regular file"):
            setting_faults(site.volume.ingest)

    def test_includes_that_include_each_other_end(self, site):
        site.load(A)
        (site.volume.ingest / "postgresql.conf").write_text("include 'postgresql.conf'\n" * 50)
        with within(20), pytest.raises(Refusal, match="includes more than 1000 files"):
            setting_faults(site.volume.ingest)

    def test_a_folder_that_is_a_link_is_not_entered(self, site, precious):
        site.load(A)
        (site.volume.ingest / "global").rename(precious / "global")
        (site.volume.ingest / "global").symlink_to(precious / "global")
        belongs_to_attacker(site.volume.ingest / "global")
        with pytest.raises(Refusal, match="its part global is a link"):
            read_control(site.volume.ingest)

    def test_a_lock_file_of_a_server_that_is_a_link_is_not_shown(self, site, precious):
        site.load(A)
        (precious / "file").write_text("line\n" * 7 + "a secret of root's\n")
        (site.volume.ingest / "postmaster.pid").symlink_to(precious / "file")
        with subprocess.Popen(["sleep", "60"], cwd=site.volume.ingest) as worker:
            try:
                told = why_not_ready(site.volume.ingest)
            finally:
                worker.kill()
        assert "no regular file" in told
        assert "secret" not in told

    def test_settings_for_the_load_are_not_read_through_a_link(self, site, run_module, precious):
        site.claim("run-1")
        site.load(A)
        (precious / "file").write_text("a_secret = 'of root'\n")
        (site.volume.ingest / "reingest.load.conf").symlink_to(precious / "file")
        done = run_module(
            "staging_settings", state="load", volume=str(site.volume.root), _ansible_diff=True, **WHO
        )
        assert done["failed"]
        assert "of root" not in str(done)

    @pytest.mark.parametrize("planted", ["file", "folder", "link"])
    def test_what_is_planted_in_the_place_of_the_probe_blocks_no_promotion(self, site, precious, planted):
        site.load(A)
        for folder in (site.volume.ingest, site.volume.staging):
            folder.mkdir(exist_ok=True)
            path = folder / ".reingest-probe"
            if planted == "file":
                path.write_text("")
            elif planted == "folder":
                (path / "full").mkdir(parents=True)
            else:
                path.symlink_to(precious)
        probe_rename(site.volume)
        assert (precious / "file").exists()

    def test_a_file_that_is_copied_runs_as_nobody_else(self, tmp_path):
        source = tmp_path / "source"
        source.write_text("#!/bin/sh\n")
        source.chmod(0o4755)
        copy_file.stream_file(source, tmp_path / "copy")
        assert (tmp_path / "copy").stat().st_mode & 0o7777 == 0o755

    def test_a_file_that_is_exchanged_while_it_is_copied_gives_its_rights_to_no_other(
        self, tmp_path, monkeypatch
    ):
        source, other = tmp_path / "source", tmp_path / "other"
        source.write_text("hostile")
        belongs_to_attacker(source)
        other.write_text("root's own")
        other.chmod(0o755)

        keep_marks = copy_file.keep_marks

        def exchanged(*given):
            source.unlink()
            os.link(other, source)
            keep_marks(*given)

        monkeypatch.setattr(copy_file, "keep_marks", exchanged)
        copy_file.stream_file(source, tmp_path / "copy")
        assert (tmp_path / "copy").stat().st_uid == unprivileged().pw_uid
