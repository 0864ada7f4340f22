"""Volumes that somebody, or something, has meddled with: refused or repaired, clearly, and nothing lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from attacker import let_pass
from chained import read, rewrite
from clusters import as_unprivileged

from plugins.module_utils.reingest.fs.durable import write_json

A, B, C = "20261101T000000Z", "20261102T000000Z", "20261103T000000Z"
WHO = {"run": "run-1", "operator": "0000-0002-1825-0097"}
NO_IDS = [
    "..",
    "../ingest",
    "/etc",
    f"{A}/../{B}",
    f"{A}\n",
    f"{A}/",
    "\0",
    f" {A}",
    ".",
    "staging",
    "\u0662\u0660\u0662\u06661101T000000Z",
]


@pytest.fixture
def site(make_site):
    """Return a volume on which A is live, a load B waits, and the run has the claim."""
    site = make_site()
    site.serve(A)
    site.load(B)
    site.claim(WHO["run"])
    return site


@pytest.fixture
def verb(site, run_module):
    """Return ``verb(module, ...)`` on that volume."""
    return lambda module, **params: run_module(module, volume=str(site.volume.root), **WHO, **params)


@pytest.fixture
def recovery(tmp_path):
    """Return the parameters of a recovery of the host, which has no services here."""
    return {"state": "recovered", "engine": "process", "records": str(tmp_path / "work/services")}


def tree(volume):
    """Return everything but the kernel's locks and the claim, which every verb renews."""
    own = ("verb.lock", "claim.lock", "claim.json")
    return sorted(
        (str(path), path.lstat().st_ino, path.read_bytes() if path.is_file() else b"")
        for path in volume.root.rglob("*")
        if path.name not in own
    )


def refused(answer, *words):
    """Assert a refusal in one line that names all of these."""
    assert answer["failed"]
    assert "Traceback" not in answer["msg"]
    for word in words:
        assert word in answer["msg"]


@pytest.mark.parametrize("text", NO_IDS)
def test_an_id_that_is_none_is_refused(site, verb, text):
    before = tree(site.volume)
    refused(verb("snapshot_promote", snapshot=text), "is not a snapshot id")
    refused(verb("snapshot_promote", loaded=text), "is not a snapshot id")
    assert tree(site.volume) == before


def test_a_snapshot_that_is_a_link_out_of_the_volume_is_refused_and_never_pruned(site, verb, tmp_path):
    outside = tmp_path / "outside"
    site.volume.snapshot(A).rename(outside)
    site.volume.prod.unlink()
    site.volume.snapshot(A).symlink_to(outside)
    site.promote(B)
    refused(verb("snapshot_promote", snapshot=A), f"there is no snapshot {A}")
    assert verb("snapshot_prune", keep=1)["deleted"] == []
    assert (outside / "global" / "pg_control").is_file()
    assert site.volume.live() == B


@pytest.mark.parametrize("folder", ["records", "staging"])
def test_a_folder_that_is_a_link_out_of_the_volume_is_refused(site, verb, tmp_path, folder):
    path, outside = getattr(site.volume, folder), tmp_path / "outside"
    path.rename(outside)
    path.symlink_to(outside)
    before = tree(site.volume)
    refused(verb("snapshot_promote"), f"{path} is a link to {outside}")
    refused(verb("snapshot_prune"), f"{path} is a link to {outside}")
    refused(verb("run_begin", operators=[WHO["operator"]]), f"{path} is a link to {outside}")
    assert tree(site.volume) == before


def test_a_load_that_is_a_link_out_of_the_volume_is_refused(site, verb, tmp_path):
    outside = tmp_path / "outside"
    site.volume.ingest.rename(outside)
    site.volume.ingest.symlink_to(outside)
    before = tree(site.volume)
    refused(verb("snapshot_promote"), f"{site.volume.ingest} is a link to {outside}")
    assert tree(site.volume) == before


@pytest.mark.parametrize("name", ["ledger.jsonl", "journal.json", "claim.json"])
def test_a_record_that_is_a_link_is_never_written_through(site, verb, tmp_path, name):
    outside = tmp_path / "outside"
    outside.write_text("precious\n")
    path = site.volume.records / name
    path.unlink(missing_ok=True)
    path.symlink_to(outside)
    verb("snapshot_promote")
    verb("run_lock", state="released")
    assert outside.read_text() == "precious\n"


@pytest.mark.parametrize(
    "line", ["garbage", "[]", "7", '{"version": 1, "state": "live"}', '{"version": 1, "x": 1}']
)
def test_a_damaged_line_within_the_ledger_is_refused_with_its_number(site, verb, line):
    lines = site.volume.ledger.read_text().splitlines()
    site.volume.ledger.write_text("\n".join([lines[0], line, *lines[1:]]) + "\n")
    before = tree(site.volume)
    refused(verb("snapshot_promote"), "line 2", str(site.volume.ledger))
    refused(verb("snapshot_prune"), "line 2", str(site.volume.ledger))
    assert tree(site.volume) == before
    assert site.volume.live() == A


def test_a_line_of_a_later_version_is_refused(site, verb):
    rewrite(site.volume, [*read(site.volume), {"version": 3, "state": "frozen", "snapshot": A}])
    before = tree(site.volume)
    refused(verb("snapshot_promote"), "version 3", "update reingest")
    assert tree(site.volume) == before


def test_binary_garbage_in_the_ledger_is_refused(site, verb):
    with site.volume.ledger.open("ab") as out:
        out.write(b"\xff\xfe\x00\n")
    refused(verb("snapshot_promote"), str(site.volume.ledger))
    assert site.volume.live() == A


def test_half_a_line_at_the_end_is_replaced_by_the_next(site, verb):
    with site.volume.ledger.open("ab") as out:
        out.write(b'{"version": 1, "state": "pru')
    assert verb("snapshot_promote")["live"] == B
    assert site.ledger.live() == B
    assert b'"pru{' not in site.volume.ledger.read_bytes()


@pytest.mark.parametrize("content", ["", "garbage", "{", "[]", "{}", '{"version": 1}', '{"version": null}'])
def test_a_damaged_journal_is_put_aside_and_what_is_there_counts(site, verb, recovery, content):
    site.volume.journal.write_text(content)
    answer = verb("switch_window", **recovery)
    assert (answer["changed"], answer["live"]) == (True, A)
    assert not site.volume.journal.exists()
    assert [path.read_text() for path in site.volume.records.glob("journal.damaged.*")] == [content]
    assert verb("snapshot_promote")["live"] == B


def test_a_journal_of_a_later_version_is_refused(site, verb, recovery):
    write_json(site.volume.journal, {"version": 2, "verb": "merge"})
    before = tree(site.volume)
    for module, params in (("snapshot_promote", {}), ("switch_window", recovery)):
        refused(verb(module, **params), "version 2", "update reingest")
    assert tree(site.volume) == before


@pytest.mark.parametrize(
    "wrong", [{"snapshot": "../ingest"}, {"snapshot": ""}, {"snapshot": 7}, {"previous": "/etc"}]
)
def test_a_journal_that_names_no_snapshot_is_damaged_and_moves_nothing(site, verb, recovery, wrong):
    place = {"inode": site.volume.ingest.stat().st_ino, "system_identifier": "1"}
    intent = {
        **WHO,
        "kind": "ingest",
        "snapshot": B,
        "previous": A,
        "origin": "ingest",
        "place": place,
        **wrong,
    }
    write_json(site.volume.journal, {**intent, "why": "", "version": 1})
    inodes = {path: path.stat().st_ino for path in (site.volume.ingest, site.volume.snapshot(A))}
    assert verb("switch_window", **recovery)["step"]["did"] == ["put the damaged journal aside"]
    assert {path: path.stat().st_ino for path in inodes} == inodes
    assert site.volume.live() == A
    assert verb("snapshot_promote")["live"] == B


@pytest.mark.parametrize("name", ["ledger.jsonl", "journal.json", "claim.json"])
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run as another account")
def test_a_record_that_this_account_cannot_read_is_refused(site, name):
    write_json(site.volume.journal, {})
    path = site.volume.records / name
    path.chmod(0o600)
    let_pass(site.volume.root)
    done = subprocess.run(["cat", path], capture_output=True, check=False, **as_unprivileged())
    assert done.returncode != 0
    answer = call_as_unprivileged(site, "snapshot_promote")
    refused(answer, str(path.parent))


@pytest.mark.parametrize("to", ["2001-01-01T00:00:00+00:00", "2099-01-01T00:00:00+00:00"])
def test_times_of_a_wrong_clock_decide_nothing(site, verb, to):
    lines = read(site.volume)
    for turn, line in enumerate(lines):
        if turn % 2:
            line["at"] = to
    rewrite(site.volume, lines)
    assert verb("snapshot_promote")["live"] == B
    site.record("good", B, "run-1")
    assert verb("snapshot_promote", kind="rollback")["live"] == A
    assert site.ledger.live() == A


class TestNoRoom:
    """On a file system of its own that is read-only, or full."""

    @pytest.fixture
    def small(self, site, tmp_path):
        """Return ``small(options)``, which mounts the small file system of the volume again with options."""
        if os.geteuid() != 0:
            pytest.skip("only root can mount a file system")
        at = tmp_path / "mounted"
        at.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", at]
        if subprocess.run(command, check=False, capture_output=True).returncode != 0:
            pytest.skip("no file system can be mounted here")
        subprocess.run(["cp", "-a", site.volume.root, at / "volume"], check=True)
        object.__setattr__(site.volume, "root", at / "volume")

        def again(options):
            subprocess.run(["mount", "-o", f"remount,{options}", at], check=True)

        yield again
        subprocess.run(["umount", at], check=True)

    def test_a_read_only_volume_is_refused(self, site, verb, small):
        small("ro")
        for module, params in (
            ("snapshot_promote", {}),
            ("snapshot_prune", {}),
            ("run_lock", {"state": "released"}),
            ("run_begin", {"operators": [WHO["operator"]]}),
        ):
            refused(verb(module, **params), str(site.volume.root), "Read-only file system")
        small("rw")
        assert site.volume.live() == A
        assert verb("snapshot_promote")["live"] == B

    def test_a_full_volume_is_refused_and_the_journal_is_whole_or_not_there(self, site, verb, small):
        filling = site.volume.root.parent / "filling"
        subprocess.run(["dd", "if=/dev/zero", f"of={filling}", "bs=4k"], check=False, capture_output=True)
        assert os.statvfs(filling).f_bfree == 0
        refused(verb("snapshot_promote"), str(site.volume.root), "No space left")
        assert site.volume.live() == A
        assert not site.volume.journal.exists()
        filling.unlink()
        assert verb("snapshot_promote")["live"] == B


def call_as_unprivileged(site, module):
    """Run a module as an account that is not root; return its result."""
    code = (
        "import json, os, pwd, sys\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "import importlib\n"
        "from ansible.module_utils.testing import patch_module_args\n"
        "module = importlib.import_module(f'plugins.modules.{sys.argv[2]}')\n"
        "account = pwd.getpwnam('nobody')\n"
        "os.setgroups([]); os.setgid(account.pw_gid); os.setuid(account.pw_uid)\n"
        "with patch_module_args(json.loads(sys.argv[3])):\n"
        "    module.main()\n"
    )
    root = Path(__file__).parents[3]
    params = json.dumps({"volume": str(site.volume.root), **WHO})
    command = [
        sys.executable,
        "-c",
        code,
        str(root),
        module,
        params,
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/")
    return json.loads(done.stdout)
