"""File systems that are really mounted: what they are called, and whether they exchange two directories."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from datetime import datetime, timezone
from pathlib import Path

import pytest
from mounts import image, mount, needs

from plugins.module_utils.reingest.adoption.adopt import apply_adoption, plan_adoption
from plugins.module_utils.reingest.volume.kind import kind_of, probe_exchange
from plugins.module_utils.reingest.volume.layout import Volume


@pytest.fixture
def home():
    """Return a folder on a disk, and a stack that what is mounted below it goes with."""
    needs("mount")
    made = Path(tempfile.mkdtemp(prefix="reingest-kind-", dir="/var/tmp"))
    with contextlib.ExitStack() as stack:
        yield made, stack
    shutil.rmtree(made)


def found(path):
    """Return the kind of a volume there, whether it exchanges, and what goes."""
    volume = Volume(path)
    can = probe_exchange(volume)
    kind = kind_of(volume, exchanges=can)
    return kind.name, can, " ".join(kind.lost)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs"])
def test_a_disk_exchanges_and_loses_nothing(home, kind):
    at, stack = home
    assert found(image(stack, kind, at / "volume", backing=at / "image")) == (kind, True, "")


def test_memory_exchanges_and_is_not_durable(home):
    at, stack = home
    kind, can, lost = found(mount(stack, "-t", "tmpfs", "tmpfs", at=at / "volume"))
    assert (kind, can) == ("tmpfs", True)
    assert "nothing survives a restart" in lost


def test_layers_are_named(home):
    at, stack = home
    for name in ("lower", "upper", "work"):
        (at / name).mkdir()
    options = f"lowerdir={at}/lower,upperdir={at}/upper,workdir={at}/work"
    kind, _, lost = found(mount(stack, "-t", "overlay", "-o", options, "overlay", at=at / "volume"))
    assert kind == "overlay"
    assert "a directory of a lower layer cannot be renamed" in lost


def test_a_program_that_serves_files_is_named_and_what_it_cannot_do_is_seen(home):
    needs("bindfs")
    at, stack = home
    (at / "behind").mkdir()
    (at / "volume").mkdir()
    subprocess.run(["bindfs", at / "behind", at / "volume"], check=True)
    stack.callback(subprocess.run, ["umount", "--lazy", at / "volume"], check=True)
    kind, can, lost = found(at / "volume")
    assert kind in ("fuse", "fuse.bindfs")
    assert ("cannot be exchanged" in lost) == (not can)
    assert "program" in lost or "other machines" in lost


def test_without_an_exchange_prod_is_adopted_by_two_renames(home, server_factory):
    """On a FUSE program that does not exchange, or does: the end is the same."""
    needs("bindfs")
    at, stack = home
    server = server_factory()
    server.stop()
    (at / "behind").mkdir()
    (at / "volume").mkdir()
    subprocess.run(["cp", "-a", server.data, at / "behind/prod"], check=True)
    subprocess.run(["bindfs", at / "behind", at / "volume"], check=True)
    stack.callback(subprocess.run, ["umount", "--lazy", at / "volume"], check=True)
    volume = Volume(at / "volume")
    now = datetime(2026, 12, 24, 18, tzinfo=timezone.utc)
    plan = plan_adoption(volume, now, exclusive=True)
    apply_adoption(volume, plan, run="run", operator="0000-0002-1825-0097", exclusive=True)
    assert volume.live() == "20261224T180000Z"
    assert not plan_adoption(volume, now, exclusive=True).changed
