"""Runs on a host that requires a proof of who runs: in their own namespace /etc has the file of signers."""

from __future__ import annotations

import json
import subprocess

import pytest
from deployment import PLAYBOOK, RELEASE_1, ROOT, make_deployment
from mounts import needs
from tiers import full

ADA = "0000-0002-1825-0097"
# A mount namespace of the run's own: what it mounts on /etc nobody else sees, and it goes with the run.
INSIDE = 'mount -t overlay overlay -o "lowerdir=/etc,upperdir=$0/upper,workdir=$0/work" /etc; exec "$@"'

pytestmark = pytest.mark.attack


@pytest.fixture(scope="module")
def deployment():
    needs("unshare", "ssh-keygen")
    made = make_deployment()
    for name, passphrase in (("key", ""), ("locked", "secret"), ("stranger", "")):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", made.home / name]
        subprocess.run(command, check=True)
    folder = made.home / "etc/upper/reingest"
    folder.mkdir(parents=True)
    (made.home / "etc/work").mkdir()
    listed = [(made.home / f"{name}.pub").read_text() for name in ("key", "locked")]
    (folder / "allowed_signers").write_text("".join(f"{ADA} {key}" for key in listed))
    yield made
    made.clear()


@pytest.fixture
def play(deployment):
    """Make a run on the host that requires a proof; return its exit code and its output."""

    def run(playbook, *arguments, key=""):
        signing = ["-e", f"reingest_signing_key={deployment.home}/{key}"] if key else []
        done = subprocess.run(
            [
                *("unshare", "--mount", "sh", "-ec", INSIDE, deployment.home / "etc"),
                *(PLAYBOOK, playbook, "-i", deployment.inventory, *signing, *arguments),
            ],
            cwd=ROOT,
            env={**deployment.environment, "SSH_AUTH_SOCK": ""},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    return run


@pytest.mark.parametrize(
    ("key", "told"),
    [
        pytest.param(
            "",
            "set reingest_signing_key to the path of a key, on the controller, that is listed there for",
            marks=full,
        ),
        pytest.param("locked", "must be in ssh-agent (ssh-add)", marks=full),
        ("stranger", "is refused"),
        pytest.param("none", "there is no such file on the controller", marks=full),
    ],
)
def test_a_run_that_does_not_prove_who_runs_is_refused_and_changes_nothing(deployment, play, key, told):
    code, output = play("playbooks/load.yml", key=key)
    assert code != 0
    assert told in output
    assert deployment.ledger() == []
    assert not deployment.locked()


@pytest.mark.parametrize(
    "variables",
    [
        {"stage_playbook": "recover"},
        pytest.param({"preflight_volume": False}, marks=full),
        pytest.param(
            {"reingest_operator": "0000-0001-5109-3700", "reingest_operators": ["0000-0001-5109-3700"]},
            marks=full,
        ),
    ],
)
def test_no_variable_makes_the_proof_needless(deployment, play, variables):
    code, output = play("ingest.yml", "-e", json.dumps(variables))
    assert code != 0, output
    assert [line for line in deployment.ledger() if line["state"] in ("loaded", "live")] == []
    assert not (deployment.volume / "prod").exists()


def test_a_signed_run_is_taken_and_its_proof_is_kept(deployment, play):
    code, output = play("playbooks/prune.yml", key="key")
    assert code == 0, output[-3000:]
    (file,) = (deployment.volume / ".reingest/runs").glob("*/proof.json")
    assert json.loads(file.read_text())["operator"] == ADA
    assert not deployment.locked()


@full
def test_a_signed_ingest_is_proven_line_by_line(deployment, play):
    code, output = play("ingest.yml", "-e", f"reingest_sources={ROOT}/demo/data/{RELEASE_1}", key="key")
    assert code == 0, output[-3000:]
    lines = deployment.ledger()
    assert [line["state"] for line in lines] == ["loaded", "live", "good"]
    listed = subprocess.run(
        ["ssh-keygen", "-l", "-f", deployment.home / "key"], capture_output=True, text=True, check=True
    )
    assert {line["proof"] for line in lines} == {listed.stdout.split()[1]}
    assert lines[-1]["chain"] in output
    proof = json.loads((deployment.volume / ".reingest/runs" / lines[0]["run"] / "proof.json").read_text())
    assert proof["arguments"]["sources"] == f"{ROOT}/demo/data/{RELEASE_1}"
    assert deployment.report()["ledger"]["last"] == lines[-1]["chain"]


@full
def test_a_recovery_needs_no_proof_and_a_stop_does(deployment, play):
    code, output = play("playbooks/recover.yml")
    assert code == 0, output[-3000:]
    code, output = play("playbooks/stop.yml")
    assert code != 0
    assert "requires a proof of who runs" in output


@full
def test_whoever_is_proven_stops_and_accepts_a_ledger_that_was_changed(deployment, play):
    if not deployment.ledger():
        code, output = play("ingest.yml", "-e", f"reingest_sources={ROOT}/demo/data/{RELEASE_1}", key="key")
        assert code == 0, output[-3000:]
    code, output = play("playbooks/stop.yml", key="key")
    assert code == 0, output[-3000:]
    assert "no run holds the volume lock" in output

    ledger = deployment.volume / ".reingest/ledger.jsonl"
    ledger.write_text(ledger.read_text().replace('"state": "good"', '"state": "bad"'))
    code, output = play("playbooks/prune.yml", key="key")
    assert code != 0
    assert "is broken: line 3 does not follow from what is before it" in output
    content = subprocess.run(["sha256sum", ledger], capture_output=True, text=True).stdout.split()[0]
    accept = ("-e", f"reingest_accept_ledger={content}")
    assert "requires a proof of who runs" in play("playbooks/recover.yml", *accept)[1]
    code, output = play("playbooks/recover.yml", *accept, key="key")
    assert code == 0, output[-3000:]
    code, output = play("playbooks/prune.yml", key="key")
    assert code == 0, output[-3000:]
