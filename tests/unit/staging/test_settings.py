"""Settings for the load: planned from the files, put in place and taken away once, marked on the volume."""

from __future__ import annotations

import os
import time

import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.host.boot import boot_id
from plugins.module_utils.reingest.postgres.load_settings import LOAD_CONF, rendered
from plugins.module_utils.reingest.postgres.settings import file_settings
from plugins.module_utils.reingest.reporting.volume_info import describe
from plugins.module_utils.reingest.staging.finalise import plan_finalise
from plugins.module_utils.reingest.volume.unsynced import read_mark

A, B = "20261101T000000Z", "20261102T000000Z"
IDENTIFIER = "20261101000000"
WHO = {"run": "run-1", "operator": "0000-0002-1825-0097"}


@pytest.fixture
def site(make_site):
    site = make_site()
    site.claim("run-1")
    return site


@pytest.fixture
def settings(site, run_module):
    """Return ``settings(state, check=, ...)``, the module on a volume with a load in ``ingest/``."""
    site.load(A)
    (site.volume.ingest / "postgresql.conf").chmod(0o640)

    def run(state, *, check=False, **more):
        return run_module(
            "staging_settings", check=check, state=state, volume=str(site.volume.root), **WHO, **more
        )

    return run


def files(volume):
    """Return all but the records, where each verb renews the run's claim."""
    found = (path for path in volume.root.rglob("*") if volume.records not in (path, *path.parents))
    return sorted((str(path), path.lstat().st_mtime_ns) for path in found)


def runs_since(volume, seconds):
    """Write down that a server was started then, as a server does."""
    (volume.ingest / "postmaster.pid").touch()
    (volume.ingest / "postmaster.opts").write_text("/bin/postgres\n")
    os.utime(volume.ingest / "postmaster.opts", (seconds, seconds))


def test_the_file_and_the_line_are_put_in_place_like_their_neighbours(site, settings):
    done = settings("load")
    assert (done["changed"], done["restart"]) == (True, True)
    assert done["step"]["did"] == ["give the staging server its settings for the load"]
    assert done["diff"]["before"] == f"{LOAD_CONF}: absent\n"
    assert "  fsync = off\n" in done["diff"]["after"]
    conf, load = site.volume.ingest / "postgresql.conf", site.volume.ingest / LOAD_CONF
    for path in (conf, load):
        status = path.stat()
        assert (status.st_mode & 0o777, status.st_uid) == (0o640, site.volume.ingest.stat().st_uid)
    assert file_settings(site.volume.ingest)["fsync"].where == f"{load}:4"
    mark = read_mark(site.volume)
    assert (mark.system_identifier, mark.boot, mark.run, mark.ended) == (IDENTIFIER, boot_id(), "run-1", "")


def test_they_are_taken_away_byte_for_byte(site, settings):
    conf = site.volume.ingest / "postgresql.conf"
    conf.write_bytes(b"# \xe9\nport = 1")
    before = sorted(path.name for path in site.volume.ingest.iterdir())
    settings("load")
    assert conf.read_bytes() != b"# \xe9\nport = 1"
    done = settings("production")
    assert (done["changed"], done["restart"]) == (True, True)
    assert done["step"]["did"] == ["take the staging server's settings for the load away"]
    assert conf.read_bytes() == b"# \xe9\nport = 1"
    assert sorted(path.name for path in site.volume.ingest.iterdir()) == before
    assert read_mark(site.volume).ended


def test_a_second_call_changes_nothing_and_asks_for_a_restart_until_there_was_one(site, settings):
    for state in ("load", "production"):
        settings(state)
        before = files(site.volume)
        again = settings(state)
        assert files(site.volume) == before
        assert (again["changed"], again["restart"], again["step"]["did"]) == (False, True, [])
        runs_since(site.volume, time.time() - 0.5)
        assert settings(state)["restart"]
        runs_since(site.volume, time.time() + 0.5)
        assert not settings(state)["restart"]
        (site.volume.ingest / "postmaster.pid").unlink()


def test_a_cluster_that_was_never_loaded_so_needs_nothing(site, settings):
    before = files(site.volume)
    done = settings("production")
    assert (done["changed"], done["restart"], done["diff"]) == (False, False, {"before": "", "after": ""})
    assert files(site.volume) == before


@pytest.mark.parametrize("state", ["load", "production"])
def test_check_mode_predicts_and_touches_nothing(site, settings, state):
    if state == "production":
        settings("load")
    before = files(site.volume)
    dry = settings(state, check=True)
    assert files(site.volume) == before
    real = settings(state)
    for key in ("changed", "restart", "diff"):
        assert dry[key] == real[key]
    assert dry["step"]["did"] == real["step"]["did"]


def test_a_dry_run_takes_its_earlier_steps_as_done(make_site, run_module, tmp_path):
    empty = make_site("empty")
    options = {"volume": str(empty.volume.root), "work": str(tmp_path / "work"), **WHO}
    dry = run_module("staging_settings", check=True, state="load", **options)
    assert (dry["changed"], dry["restart"]) == (True, True)
    dry = run_module("staging_settings", check=True, state="production", **options)
    assert (dry["changed"], dry["restart"]) == (True, True)
    assert dry["step"]["did"] == ["take the staging server's settings for the load away"]
    assert not empty.volume.records.exists()


def test_what_a_dry_run_predicts_counts_in_no_real_run(settings, run_module, tmp_path):
    work = {"work": str(tmp_path / "work")}
    assert settings("load", check=True, **work)["changed"]
    assert not settings("production", **work)["changed"]


@pytest.mark.parametrize("state", ["load", "production"])
@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("postgresql.auto.conf", "fsync = 'off'\n", "postgresql.auto.conf:1 sets fsync = off"),
        ("postmaster.opts", '/bin/postgres "-F"\n', "postmaster.opts sets fsync = off"),
        ("postgresql.conf", "full_page_writes = off\n", "postgresql.conf:1 sets full_page_writes = off"),
    ],
)
def test_what_would_be_left_when_they_are_gone_is_refused(site, settings, state, name, text, said):
    if state == "production":
        settings("load")
    path = site.volume.ingest / name
    path.write_text(text + (path.read_text() if path.exists() else ""))
    refused = settings(state)
    assert said in refused["msg"]
    assert (
        f"{site.volume.ingest} cannot be {'loaded into' if state == 'load' else 'finalised'}"
        in refused["msg"]
    )


def test_a_server_that_does_not_read_its_own_file_is_refused(site, settings):
    opts = site.volume.ingest / "postmaster.opts"
    opts.write_text('/bin/postgres "-c" "config_file=/etc/postgresql/postgresql.conf"\n')
    assert "set reingest_load_settings: false" in settings("load")["msg"]
    opts.unlink()
    (site.volume.ingest / "postgresql.conf").unlink()
    assert "has no postgresql.conf of its own" in settings("load")["msg"]
    assert read_mark(site.volume) is None
    assert not settings("production")["changed"]


def test_settings_of_a_failed_load_stay_as_they_are_for_the_next_one(site, settings):
    settings("load")
    content = (site.volume.ingest / LOAD_CONF).read_bytes()
    assert not settings("load")["changed"]
    assert (site.volume.ingest / LOAD_CONF).read_bytes() == content


def test_settings_that_somebody_changed_are_put_right(site, settings):
    settings("load")
    (site.volume.ingest / LOAD_CONF).write_text("fsync = off\nwork_mem = 1TB\n")
    done = settings("load")
    assert done["changed"]
    assert "  work_mem = 1TB\n" in done["diff"]["before"]
    assert "work_mem" not in rendered((site.volume.ingest / LOAD_CONF).read_bytes())


def test_slots_and_the_command_line_are_looked_at(site, settings):
    (site.volume.ingest / "postmaster.opts").write_text('/bin/postgres "-c" "max_wal_senders=5"\n')
    settings("load")
    assert "wal_level" not in file_settings(site.volume.ingest)
    (site.volume.ingest / "postmaster.opts").unlink()
    settings("load")
    assert file_settings(site.volume.ingest)["wal_level"].value == "minimal"
    (site.volume.ingest / "pg_replslot/standby").mkdir(parents=True)
    settings("load")
    assert "wal_level" not in file_settings(site.volume.ingest)


def test_a_load_with_its_settings_is_not_promoted_and_the_remedy_is_named(site, settings):
    settings("load")
    for dry in (True, False):
        with pytest.raises(
            Refusal, match=r"has the settings of a load that did not come to its end .*: run load.yml"
        ):
            site.plan(dry=dry)
    settings("production")
    for dry in (True, False):
        with pytest.raises(Refusal, match=r"was loaded without fsync and not synced since: run load\.yml"):
            site.plan(dry=dry)


def test_a_load_with_its_settings_is_not_finalised(site, settings):
    settings("load")
    with pytest.raises(Refusal, match="has the settings of a load that did not come to its end"):
        plan_finalise(site.volume, A, IDENTIFIER)
    assert plan_finalise(site.volume, A, IDENTIFIER, dry=True).changed  # the run takes them away before
    settings("production")
    assert plan_finalise(site.volume, A, IDENTIFIER).changed  # the mark is still there


def test_the_next_dry_run_promotes_what_it_would_load(site, settings):
    settings("load")
    assert site.plan(loaded=B, dry=True).changed


def test_another_clusters_mark_is_no_fault_of_this_one(site, settings):
    settings("load")
    settings("production")
    site.load(B)
    assert site.promote(B).changed


def test_the_state_of_the_volume_tells_a_lost_load(site, settings):
    settings("load")
    assert describe(site.volume)["lost"] is False
    text = site.volume.unsynced.read_text().replace(boot_id(), "an earlier boot")
    site.volume.unsynced.write_text(text)
    found = describe(site.volume)
    assert (found["lost"], found["loaded"]) == (True, "")
    refused = settings("load")
    assert "the machine went down before it was on disk: run load.yml, which starts over" in refused["msg"]
    (site.volume.ingest / "global/pg_control").write_bytes(b"")
    assert settings("load", check=True)["changed"]  # the run starts over before, and so with all that follows
    assert plan_finalise(site.volume, B, "", dry=True).changed
    assert site.plan(loaded=B, dry=True).changed


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_root_leaves_the_files_to_the_servers_account(site, settings):
    os.chown(site.volume.ingest / "postgresql.conf", 65534, 65534)
    settings("load")
    for name in ("postgresql.conf", LOAD_CONF):
        assert (site.volume.ingest / name).stat().st_uid == 65534
