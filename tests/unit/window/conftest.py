"""Windows of a host with a volume, and of one without."""

from __future__ import annotations

import pytest

from plugins.module_utils.reingest.host.boot import boot_id
from plugins.module_utils.reingest.window.window_record import Window, boottime


@pytest.fixture
def make_window(tmp_path):
    """Return ``make(**changes)``: a window opened now."""

    def make(**changes):
        given = {
            "run": "x",
            "operator": "0000-0002-1825-0097",
            "volume": "",
            "snapshot": "20261124T100000Z",
            "previous": "20261123T100000Z",
            "engine": "process",
            "production": (),
            "staging": (),
            "writers": (),
            "stop_timeout": 5.0,
            "start_timeout": 5.0,
            "watchdog": 60.0,
            "boot": boot_id(),
            "opened": boottime(),
            "since": "2026-11-24T10:00:00+00:00",
        }
        return Window(**{**given, **changes})

    return make


@pytest.fixture
def records(tmp_path):
    return tmp_path / "work/services"
