"""A volume that is nearly full: what the rules may let go makes room before a load, and nothing else does."""

from __future__ import annotations

import contextlib
import os
import re

import pytest
from clusters import unprivileged
from deployment import RELEASE_1, RELEASE_2, make_deployment
from mounts import image
from tiers import full

pytestmark = full
MIB = 1 << 20
KEEP = ("-e", "reingest_keep=3", "-e", "reingest_force=true")


@pytest.fixture(scope="module")
def deployment():
    """Return a deployment on a disk of its own, with a live snapshot and two earlier ones."""
    made = make_deployment()
    account = unprivileged()
    with contextlib.ExitStack() as stack:
        stack.callback(made.clear)
        image(stack, "ext4", made.volume, backing=made.home / "disk", size="2G")
        stack.callback(made.play, "demo/services.yml", "-e", "demo_state=stopped")
        for path in (made.volume, made.volume / "ingest"):
            path.mkdir(mode=0o700, exist_ok=True)
            os.chown(path, account.pw_uid, account.pw_gid)
        for release in (RELEASE_1, RELEASE_1, RELEASE_2):
            code, output = made.ingest(release, *KEEP)
            assert code == 0, output
        yield made


def free(deployment):
    found = os.statvfs(deployment.volume)
    return found.f_bavail * found.f_frsize


def test_the_oldest_gives_way_before_the_load_as_the_dry_run_said(deployment):
    oldest, way_back, live = deployment.snapshots()
    wanted = ("-e", f"reingest_min_free={free(deployment) + 8 * MIB}")
    code, plan = deployment.ingest(RELEASE_2, *KEEP, *wanted, "--check", "--diff")
    assert code == 0, plan
    assert f"delete snapshot {oldest}: it makes room for the next load" in plan
    assert re.search(r"outage predicted: [\d.]+ s \(.*start the writers [\d.]+.*; by the last", plan)
    assert deployment.snapshots() == [oldest, way_back, live]
    code, output = deployment.ingest(RELEASE_2, *KEEP, *wanted)
    assert code == 0, output[-3000:]
    assert output.index(f"delete snapshot {oldest}") < output.index("load study from")
    states = [(line["state"], line["snapshot"], line["why"]) for line in deployment.ledger()]
    new = deployment.snapshots()[-1]
    made_room = states.index(("pruned", oldest, "it makes room for the next load"))
    assert made_room < [each[:2] for each in states].index(("loaded", new))
    # The load took what was free: the count gives way again, and what served before the load is the way back.
    assert deployment.snapshots() == [live, new]


def test_where_that_is_not_enough_nothing_goes(deployment):
    before = deployment.snapshots()
    code, output = deployment.ingest(RELEASE_2, *KEEP, "-e", "reingest_min_free=2G")
    assert code != 0
    assert "nothing was loaded or deleted" in output
    assert deployment.snapshots() == before
    assert deployment.health()["release"] == RELEASE_2
