"""The new server has production's configuration; a load that goes back to ingest/ keeps its own."""

from __future__ import annotations

import os
import stat

import pytest
from interruption import killed_at
from tiers import full, sample

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.promotion.configuration import differing_files
from plugins.module_utils.reingest.promotion.journal import read_intent

A, B, C = "20261101T000000Z", "20261102T000000Z", "20261103T000000Z"
FILES = ("postgresql.conf", "postgresql.auto.conf", "pg_hba.conf", "pg_ident.conf")


@pytest.fixture
def served(site):
    """Return a volume whose production has files of its own, and a load with those of the staging server."""
    return prepared(site)


def prepared(site):
    site.serve(A)
    write(site.volume.snapshot(A), "production")
    site.load(B)
    write(site.volume.ingest, "staging")
    return site


def write(data, text, *names):
    for name in names or FILES:
        (data / name).write_text(f"# {text}\n")
        (data / name).chmod(0o600)


def texts(data):
    return {(data / name).read_text() for name in FILES}


def test_a_promoted_load_has_productions_files_with_owner_and_mode(served):
    hba = served.volume.snapshot(A) / "pg_hba.conf"
    hba.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(hba, 999, 998)
    planned = served.plan(loaded=B)
    assert planned.did()[-1] == (
        f"take pg_hba.conf, pg_ident.conf, postgresql.auto.conf, postgresql.conf over from staging/{A}"
    )
    assert "pg_hba.conf: production's" in planned.diff()["after"]
    assert served.promote().did() == planned.did()
    assert texts(served.volume.prod) == {"# production\n"}
    status, wanted = (served.volume.prod / "pg_hba.conf").stat(), hba.stat()
    assert stat.S_IMODE(status.st_mode) == 0o640
    assert (status.st_uid, status.st_gid) == (wanted.st_uid, wanted.st_gid)


def test_files_that_are_the_same_are_no_step_and_stay(site):
    site.serve(A)
    write(site.volume.snapshot(A), "same")
    site.load(B)
    write(site.volume.ingest, "same")
    before = {name: (site.volume.ingest / name).stat().st_ino for name in FILES}
    assert "over from" not in " ".join(site.promote().did())
    assert {name: (site.volume.prod / name).stat().st_ino for name in FILES} == before


def test_a_first_promotion_keeps_the_files_of_the_load(site):
    site.load(A)
    write(site.volume.ingest, "staging")
    assert site.plan().files == ()
    site.promote()
    assert texts(site.volume.prod) == {"# staging\n"}


def test_an_earlier_snapshot_keeps_the_files_that_it_served_with(served):
    served.promote(run="one")
    write(served.volume.snapshot(B), "changed since")
    served.promote(A, run="two", kind="rollback")
    assert texts(served.volume.prod) == {"# production\n"}
    served.promote(B, run="three", force=True)
    assert texts(served.volume.prod) == {"# changed since\n"}


def test_files_that_the_settings_name_come_along_and_files_outside_do_not(served):
    live = served.volume.snapshot(A)
    (live / "tls").mkdir(mode=0o750)
    (live / "conf.d").mkdir()
    write(live, "x", "tls/server.crt", "tls/private.key", "conf.d/10.conf", "other.conf", "map.conf", "users")
    write(live, "x", "reingest.load.conf", "server.key", "notes.txt")
    (live / "postgresql.conf").write_text(
        "ssl_cert_file = 'tls/server.crt'\nssl_ca_file = '/etc/ssl/ca.crt'\ninclude_dir 'conf.d'\n"
        "include 'other.conf'\nident_file = 'map.conf'\ninclude_if_exists 'reingest.load.conf'\n"
    )
    (live / "postgresql.auto.conf").write_text(f"ssl_key_file = '{served.volume.prod}/tls/private.key'\n")
    (live / "pg_hba.conf").write_text(
        "host all @users 0.0.0.0/0 scram-sha-256\ninclude_if_exists more_hba.conf\n"
    )
    write(live, "y", "more_hba.conf")
    served.promote()
    new = served.volume.snapshot(B)
    for name in ("tls/server.crt", "tls/private.key", "conf.d/10.conf", "other.conf", "map.conf", "users"):
        assert (new / name).read_text() == "# x\n", name
    assert (new / "more_hba.conf").read_text() == "# y\n"
    assert stat.S_IMODE((new / "tls").stat().st_mode) == 0o750
    for name in ("notes.txt", "server.key", "reingest.load.conf"):
        assert not (new / name).exists(), name


@pytest.mark.attack
@pytest.mark.parametrize("value", ["../../secret", "/etc/hostname", "tls/../../../secret"])
def test_a_setting_leads_to_nothing_outside_of_the_data_directory(served, value):
    (served.volume.root / "secret").write_text("hidden")
    live = served.volume.snapshot(A)
    (live / "postgresql.conf").write_text(f"ssl_cert_file = '{value}'\n")
    assert differing_files(served.volume, A, served.volume.ingest) == tuple(sorted(FILES))


@pytest.mark.attack
def test_a_link_in_production_is_refused_before_anything_is_changed(served, tmp_path):
    (tmp_path / "shadow").write_text("hidden")
    hba = served.volume.snapshot(A) / "pg_ident.conf"
    hba.unlink()
    hba.symlink_to(tmp_path / "shadow")
    with pytest.raises(Refusal, match=r"pg_ident\.conf is no regular file"):
        served.promote()
    assert read_intent(served.volume) is None
    assert texts(served.volume.ingest) == {"# staging\n"}
    assert served.volume.live() == A


@pytest.mark.parametrize("failed", sample([False, True], False))
def test_a_kill_at_any_step_leaves_a_load_with_its_own_files_or_a_server_with_productions(make_site, failed):
    for step in range(200):
        site = prepared(make_site(f"volume-{step}"))
        killed = killed_at(step, lambda site=site: site.promote(run="one"))
        if killed and failed:
            site.recover(failed="no answer", run="one")
            assert site.volume.live() == A
        elif killed:
            site.recover()
        assert texts(site.volume.snapshot(A)) == {"# production\n"}
        if site.volume.live() == B:
            assert texts(site.volume.prod) == {"# production\n"}
        elif not site.volume.snapshot(B).exists():
            assert texts(site.volume.ingest) == {"# staging\n"}
        if not killed:
            assert step > 10
            return
    pytest.fail("it never came to its end")


@full
def test_the_next_run_promotes_what_a_kill_gave_back_with_productions_files(make_site):
    for step in range(200):
        site = prepared(make_site(f"volume-{step}"))
        killed = killed_at(step, lambda site=site: site.promote(run="one"))
        site.recover()
        site.promote(B, run="two")
        assert texts(site.volume.prod) == {"# production\n"}
        if not killed:
            return
    pytest.fail("it never came to its end")
