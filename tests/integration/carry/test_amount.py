"""Many rows, and no room for them."""

from __future__ import annotations

import contextlib
import os
import resource

import pytest
from mounts import image
from tiers import sample

from plugins.module_utils.reingest.carry.record import carried_folder
from plugins.module_utils.reingest.carry.survey import survey
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.volume.layout import Volume

MIB = 1 << 20
_SCHEMA = """
CREATE TABLE object (id int PRIMARY KEY);
CREATE TABLE download (
    id bigint PRIMARY KEY, object int NOT NULL REFERENCES object, at timestamptz NOT NULL, client text
);
CREATE INDEX ON download (object);
"""
_ROWS = "INSERT INTO download SELECT n, n %% 1000, now(), 'somebody' FROM generate_series(1, %(rows)s) AS n"


@pytest.fixture
def downloads(portal):
    """Return ``downloads(rows)``, which makes the portal with so many of them."""

    def make(rows):
        portal.make(_SCHEMA, {"object": "source", "download": "quarantine"})
        for server in (portal.production, portal.staging):
            server.rows("INSERT INTO object SELECT generate_series(0, 999)", "portal")
        portal.production.rows(_ROWS, "portal", rows=rows)
        return portal

    return make


@pytest.mark.parametrize("rows", sample([1_000_000, 10_000_000], 1_000_000))
def test_a_million_rows_are_carried_in_blocks(downloads, rows):
    portal = downloads(rows)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = portal.carry()
    assert result.lines[0] == f"download: {rows:,} carried, 0 differ"
    assert portal.new("SELECT count(*), count(DISTINCT id) FROM download") == [(rows, rows)]
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < 60, f"{grown:.0f} MiB more than before, and all rows take {rows * 60 / MIB:.0f} MiB"


def test_a_volume_that_is_full_while_rows_are_carried_leaves_both_servers_as_they_were(downloads, tmp_path):
    portal = downloads(100_000)
    for server in (portal.production, portal.staging):
        server.rows("CREATE TABLE reingest.load (snapshot text)", "portal")
    with contextlib.ExitStack() as stack:
        small = image(stack, "ext4", tmp_path / "small", backing=tmp_path / "image", size="8M")
        portal.volume = Volume(small)
        login, staging = portal.servers.production, portal.servers.staging
        with pytest.raises(Refusal, match=r"of users' rows are carried, which needs 2 times .* make room"):
            survey(
                portal.volume, login, live=portal.production.data, staging=staging, target=None, coming=False
            )
        with (small / "filler").open("wb") as filler, contextlib.suppress(OSError):
            while True:
                filler.write(b"x" * MIB)
                filler.flush()
        os.truncate(small / "filler", 2 * MIB)
        with pytest.raises(Refusal, match=r"users' rows cannot be written there \(No space left on device"):
            portal.carry()
        assert not portal.is_fenced
        assert portal.new("SELECT count(*) FROM download") == [(0,)]
        assert portal.live("SELECT count(*) FROM download") == [(100_000,)]
        (small / "filler").unlink()
    portal.volume = Volume(tmp_path)
    assert portal.carry(run="run-2").rows == {"download": 100_000}
    assert carried_folder(portal.volume, "run-2").is_dir()
