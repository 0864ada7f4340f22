"""A folder whose records are believed is this account's alone."""

from __future__ import annotations

import os

import pytest
from attacker import belongs_to_attacker

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.fs.own_folder import refuse_shared

pytestmark = pytest.mark.attack


def test_one_of_its_own_is_used_and_one_that_is_not_there_yet(tmp_path):
    refuse_shared(tmp_path, "reingest_work")
    refuse_shared(tmp_path / "new" / "deep", "reingest_work")


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770])
def test_one_that_others_write_is_refused(tmp_path, mode):
    work = tmp_path / "work"
    work.mkdir()
    os.chown(work, 0, 100)  # users
    work.chmod(mode)
    with pytest.raises(Refusal, match=f"reingest_work {work} is not used: {work} belongs to account 0"):
        refuse_shared(work, "reingest_work")


def test_one_that_only_the_owners_own_group_writes_is_used(tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work").chmod(0o775)  # as umask 002 makes it
    refuse_shared(tmp_path / "work", "reingest_work")


def test_one_below_a_folder_of_another_account_is_refused(tmp_path):
    home = tmp_path / "home"
    (home / "work").mkdir(parents=True)
    belongs_to_attacker(home)
    with pytest.raises(Refusal, match=f"not used: {home} belongs to account"):
        refuse_shared(home / "work", "reingest_work")


def test_one_behind_a_link_is_judged_where_it_lies(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    (tmp_path / "work").symlink_to(shared)
    with pytest.raises(Refusal, match=f"{shared} belongs"):
        refuse_shared(tmp_path / "work", "reingest_work")
