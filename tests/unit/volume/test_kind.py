"""Which guarantees go with which file system, and that a kind is accepted by its own name only."""

from __future__ import annotations

import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.fs.mounts import read_mounts
from plugins.module_utils.reingest.volume.kind import Kind, kind_of, probe_exchange, refuse_kind, what_goes

NFS = "10.0.0.1:/pg rw,vers={version},proto=tcp,local_lock={local}"


def mounted(kind, rest="/dev/vda rw"):
    return read_mounts(f"36 35 98:0 / /srv/pg rw,noatime - {kind} {rest}")[36]


def goes(kind, rest="/dev/vda rw", *, exchanges=None):
    return " ".join(what_goes(mounted(kind, rest), exchanges=exchanges))


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs"])
def test_on_a_local_disk_nothing_goes(kind):
    assert goes(kind) == ""
    assert goes(kind, exchanges=True) == ""


def test_on_nfs_exchange_exclusivity_and_the_meaning_of_answers_go():
    told = goes("nfs4", NFS.format(version="4.2", local="none"))
    for part in (
        "cannot be exchanged",
        "cannot be seen",
        "sends again after a lost answer",
        "export is sync",
    ):
        assert part in told
    assert "lock of the volume" not in told


@pytest.mark.parametrize(("version", "local"), [("3", "none"), ("4.2", "all"), ("4.2", "flock")])
def test_on_nfs_the_lock_goes_where_the_server_does_not_keep_it(version, local):
    assert "the lock of the volume holds only" in goes("nfs4", NFS.format(version=version, local=local))


def test_a_kind_that_exchanges_and_was_not_seen_to_loses_that():
    assert "cannot be exchanged" in goes("ext4", exchanges=False)


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("cifs", "processes of other machines"),
        ("fuse.sshfs", "processes of other machines"),
        ("fuse.bindfs", "a program serves it"),
        ("tmpfs", "nothing survives a restart"),
        ("overlay", "goes with the container"),
        ("exotic", "is not known of this file system"),
    ],
)
def test_other_kinds_say_what_goes(kind, part):
    assert part in goes(kind)


def test_a_kind_is_refused_with_what_goes_and_the_line_that_accepts_it(site):
    kind = Kind("nfs4", "10.0.0.1:/pg", ("one thing", "another thing"))
    with pytest.raises(Refusal) as refused:
        refuse_kind(site.volume, kind, "")
    assert str(refused.value) == (
        f"{site.volume.root} lies on nfs4 (10.0.0.1:/pg), where some guarantees go: one thing; another "
        "thing. Use a disk of the machine, or accept this by name in the inventory: "
        "reingest_network_volume: nfs4"
    )
    refuse_kind(site.volume, kind, "nfs4")
    with pytest.raises(Refusal, match=r"it accepts nfs, which is another kind"):
        refuse_kind(site.volume, kind, "nfs")


def test_a_kind_of_which_nothing_goes_needs_no_acceptance(site):
    refuse_kind(site.volume, Kind("ext4", "/dev/vda", ()), "")


def test_the_probe_leaves_nothing_and_goes_on_after_one_that_died(site):
    site.volume.records.mkdir()
    (site.volume.records / ".probe-one").mkdir()
    can = probe_exchange(site.volume)
    assert list(site.volume.records.iterdir()) == []
    assert kind_of(site.volume, exchanges=can).name
