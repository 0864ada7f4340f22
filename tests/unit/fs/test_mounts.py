"""Network file systems are told from local ones by what the kernel says of the mount."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from plugins.module_utils.reingest.fs.mounts import file_system, mounts, read_mounts

# ruff: noqa: E501 - lines as the kernel writes them
# Lines as real machines have them: hosts, virtual machines, containers.
MOUNTS = r"""22 27 0:21 / /proc rw,relatime - proc proc rw,hidepid=invisible
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard,resuid=65534
42 27 0:45 / /srv/with\040space\134and\011more rw,relatime shared:44 - nfs4 nas:/export\040one rw,vers=4.2,addr=10.0.0.2
43 27 0:46 / /srv/old rw,relatime shared:45 master:1 - nfs nas.example.org:/old rw,vers=3,local_lock=none
44 27 0:47 /share /srv/cifs rw,relatime - cifs //nas/share rw,vers=3.1.1,username=reingest
45 27 0:48 / /srv/ceph rw,relatime shared:9 - ceph 10.0.0.3:6789:/ rw,name=admin,secret=<hidden>
46 27 0:49 / /srv/gluster rw,relatime - fuse.glusterfs gl1:/pg rw,user_id=0,group_id=0,max_read=131072
47 27 0:50 / /srv/ssh rw,nosuid,nodev - fuse.sshfs op@nas:/pg rw,user_id=1000
48 27 0:51 / /srv/s3 rw,nosuid,nodev - fuse s3fs rw,user_id=0
49 27 0:52 / /work rw,relatime - 9p drvfs rw,aname=drvfs,trans=fd
50 27 0:53 / /Users rw,relatime - virtiofs mount0 rw
51 27 0:54 / / rw,relatime master:2 - overlay overlay rw,lowerdir=/a:/b,upperdir=/c,workdir=/d
52 27 0:55 / /var/lib/x rw - fuse.fuse-overlayfs fuse-overlayfs rw,user_id=0
53 27 8:17 / /mnt/ntfs rw - fuseblk /dev/sdb1 rw,blksize=4096
54 27 0:56 /@pg /srv/btrfs rw - btrfs /dev/sdc rw,subvolid=257,subvol=/@pg
55 27 0:57 / /srv/zfs rw - zfs tank/pg rw,xattr,noacl
56 27 253:2 / /srv/cluster rw - gfs2 /dev/mapper/san rw,localflocks
57 27 253:3 / /srv/xfs rw shared:1 master:2 propagate_from:3 unbindable - xfs /dev/mapper/pg rw,prjquota
"""


@pytest.fixture
def mounted():
    """Return ``by(point)``: the file system of the sample that is mounted there."""
    return {str(found.point): found for found in read_mounts(MOUNTS).values() if found.kind != "ext4"}


def test_octal_escapes_and_optional_fields_are_read(mounted):
    found = mounted["/srv/with space\\and\tmore"]
    assert (found.kind, found.source, found.options) == (
        "nfs4",
        "nas:/export one",
        ["rw", "vers=4.2", "addr=10.0.0.2"],
    )
    assert mounted["/srv/xfs"].source == "/dev/mapper/pg"
    assert "hidepid=invisible" in mounted["/proc"].options


@pytest.mark.parametrize(
    "point",
    [
        "/srv/old",
        "/srv/cifs",
        "/srv/ceph",
        "/srv/gluster",
        "/srv/ssh",
        "/srv/s3",
        "/work",
        "/Users",
        "/srv/cluster",
    ],
)
def test_what_other_machines_may_have_mounted_is_network(mounted, point):
    assert mounted[point].network


@pytest.mark.parametrize(
    "point", ["/", "/var/lib/x", "/mnt/ntfs", "/srv/btrfs", "/srv/zfs", "/srv/xfs", "/proc"]
)
def test_what_this_machine_alone_has_is_not(mounted, point):
    assert not mounted[point].network


def test_each_mount_has_its_number():
    assert (read_mounts(MOUNTS)[27].kind, read_mounts(MOUNTS)[51].kind) == ("ext4", "overlay")


def test_the_root_of_this_machine_is_found_as_the_mount_command_sees_it(tmp_path):
    seen = subprocess.run(
        ["findmnt", "-n", "-o", "FSTYPE,SOURCE", "--target", tmp_path],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    found = file_system(tmp_path)
    assert [found.kind, found.source] == [seen[0], seen[1].partition("[")[0]]


def test_what_is_not_there_yet_is_where_its_parent_is(tmp_path):
    assert file_system(tmp_path / "no" / "such") == file_system(tmp_path)
    (tmp_path / "file").touch()
    assert file_system(tmp_path / "file" / "below") == file_system(tmp_path)


def test_a_link_is_where_it_leads(tmp_path):
    (tmp_path / "link").symlink_to("/proc")
    assert file_system(tmp_path / "link").kind == "proc"


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT RUN: mounting needs root")
def test_a_mount_that_covers_another_counts(tmp_path):
    def mount(*arguments):
        subprocess.run(["mount", *arguments], check=True)

    point = tmp_path / "with space"
    point.mkdir()
    mount("-t", "tmpfs", "first", point)
    try:
        mount("-t", "tmpfs", "second", point)
        assert file_system(point).source == "second"
        subprocess.run(["umount", point], check=True)
        (point / "below").mkdir()
        found = file_system(point / "below" / "missing")
        assert (found.kind, found.source, found.point) == ("tmpfs", "first", Path(point))
    finally:
        subprocess.run(["umount", point], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT RUN: mounting needs root")
def test_a_directory_is_reached_through_every_mount_of_it(tmp_path):
    for name in ("one/data", "two", "three/below"):
        (tmp_path / name).mkdir(parents=True)
    bound = [(tmp_path / "one", tmp_path / "two"), (tmp_path / "one" / "data", tmp_path / "three" / "below")]
    for source, point in bound:
        subprocess.run(["mount", "--bind", source, point], check=True)
    try:
        above = mounts().above(tmp_path / "two" / "data")
        same = {mounts().position(tmp_path / name) for name in ("one/data", "two/data", "three/below")}
    finally:
        for _, point in bound:
            subprocess.run(["umount", point], check=True)
    reached = {
        str(tmp_path / name) for name in ("one/data", "one", "two/data", "two", "three/below", "three")
    }
    assert reached | {str(tmp_path), "/"} <= above
    assert len(same) == 1


def test_what_lies_beside_a_directory_does_not_reach_it(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "beside").mkdir()
    assert str(tmp_path / "beside") not in mounts().above(tmp_path / "data")
    assert str(tmp_path / "data" / "base") not in mounts().above(tmp_path / "data")
