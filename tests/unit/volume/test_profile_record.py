"""The profiles of a load in the folder of the run that verified it."""

from __future__ import annotations

import json
import stat

import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.profile.kept import KeptProfiles, KeptTable
from plugins.module_utils.reingest.profile.model import TableProfile
from plugins.module_utils.reingest.volume.profile_record import read_profiles, write_profiles

PROFILE = TableProfile(3, {}, ("id",), str(-(1 << 80)), 8192)  # a sum of more than 64 bits
OF_MAY = KeptProfiles("20260501T000000Z", "portal", {"a": KeptTable("1.8192.3.0.0", PROFILE)}).plain()


def test_what_is_kept_is_for_the_account_of_the_records_only(site):
    write_profiles(site.volume, "run-1", OF_MAY)
    file = site.volume.run("run-1") / "profile.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read_profiles(site.volume, "20260501T000000Z", ["run-2", "run-1"]) == json.loads(
        json.dumps(OF_MAY)
    )


def test_profiles_that_could_not_be_read_again_are_not_kept(site):
    with pytest.raises(Refusal, match="at most 8,388,608 are kept"):
        write_profiles(site.volume, "run-1", {"snapshot": "s", "tables": {"a": "x" * (8 << 20)}})
    assert not (site.volume.run("run-1") / "profile.json").exists()


def test_profiles_of_another_snapshot_and_what_cannot_be_read_are_passed_over(site, precious):
    write_profiles(site.volume, "run-1", OF_MAY)
    write_profiles(site.volume, "run-2", {"snapshot": "20260601T000000Z"})
    (site.volume.run("run-2").with_name("run-3")).mkdir()
    (site.volume.run("run-3") / "profile.json").write_text("{")
    (site.volume.run("run-2").with_name("run-4")).mkdir()
    (site.volume.run("run-4") / "profile.json").symlink_to(precious / "file")
    runs = ["run-4", "../run-1", "run-3", "run-2"]
    assert read_profiles(site.volume, "20260501T000000Z", runs) == {}
    assert read_profiles(site.volume, "20260501T000000Z", [*runs, "run-1"]) == json.loads(json.dumps(OF_MAY))
