"""Volumes on a real kernel NFS server, in a user-mode Linux, so without one on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from clusters import initialise, programs, unprivileged
from mounts import needs

HERE = Path(__file__).parent
KERNEL = "linux.uml"


@pytest.fixture(scope="module")
def told():
    """Return what ``on_nfs`` printed, by the first word of each line."""
    needs(KERNEL, "rpc.nfsd", "exportfs", "modprobe", "mkfs.ext4")
    if " amx_tile" in Path("/proc/cpuinfo").read_text():
        # Its first process dies in put_fp_registers: Linux 6.1 takes no registers as large as these.
        pytest.skip("NOT RUN: a user-mode Linux of Debian 12 does not run on a CPU with AMX")
    home = Path(tempfile.mkdtemp(prefix="reingest-nfs-", dir="/var/tmp"))
    home.chmod(0o755)
    os.chown(home, unprivileged().pw_uid, unprivileged().pw_gid)
    disk = home / "disk"
    initialise(programs(16, home), home / "cluster")
    subprocess.run(["truncate", "--size=128M", disk], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-F", disk], check=True)
    machine = ["mem=512M", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", f"ubd0={disk}"]
    console = ["con=null", "ssl=null", "quiet"]
    first = [f"init={HERE}/init", "--", sys.executable, HERE / "on_nfs.py", home]
    try:
        command = [KERNEL, *machine, *console, *first]
        subprocess.run(command, check=False, timeout=120, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        lines = (home / "told").read_text().splitlines()
    finally:
        shutil.rmtree(home)
    assert lines[-1] == "ended: 0", "\n".join(lines)
    return dict(line.partition(": ")[::2] for line in lines)


def test_the_kind_is_named_with_what_goes(told):
    assert told["kind"] == "nfs4 127.0.0.1:/"
    for part in ("cannot be exchanged by one step", "processes of other machines", "after a lost answer"):
        assert part in told["lost"]
    assert "the lock of the volume" not in told["lost"]  # NFSv4 keeps locks
    assert told["second lock"] == "False"


def test_it_is_accepted_by_its_own_name_only(told):
    assert told["unnamed"].endswith("by name in the inventory: reingest_network_volume: nfs4")
    assert told["another"].endswith("(it accepts nfs, which is another kind): reingest_network_volume: nfs4")
    assert told["named"] == "not refused"


def test_a_real_prod_is_adopted_without_an_exchange(told):
    assert "production is stopped in order" in told["hidden"]  # who is in it cannot be seen there
    assert told["adopted"] == "staging/20261224T180000Z ['adopted', 'live', 'good']"
    assert told["settled"] == "True"


def test_a_promotion_and_its_undo_work_without_an_exchange(told):
    assert told["promoted"] == "staging/20261101T000000Z []"
    assert told["taken back"] == "staging/20261224T180000Z"
