"""Snapshot ids: the UTC time of a load, and what the runbook made of it."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.volume import snapshot_id


def test_an_id_is_the_utc_time_of_its_load():
    now = datetime(2026, 11, 23, 11, 45, tzinfo=timezone.utc)
    assert snapshot_id.new_id(now) == "20261123T114500Z"
    assert snapshot_id.taken_at("20261123T114500Z") == now


@pytest.mark.parametrize(
    "text", ["2026-11-23T11:45:00+00:00", "2026-11-23T11:45:00", "2026-11-23T11:45:00.123456Z"]
)
def test_the_runbooks_ids_are_read(text):
    assert snapshot_id.taken_at(text) == datetime(2026, 11, 23, 11, 45, tzinfo=timezone.utc)


@pytest.mark.parametrize("text", ["", "..", "../../etc", "20261323T114500Z", "2026-13-01T00:00:00", "latest"])
def test_what_is_no_id_is_refused(text):
    with pytest.raises(Refusal, match="is not a snapshot id: expected a UTC time such as 20261123T114500Z"):
        snapshot_id.checked(text)
