"""Who runs is proven, where the host requires it: by real keys, through the modules' real ``main``."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace

import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.volume import signers
from plugins.module_utils.reingest.volume.lock import holder
from plugins.module_utils.reingest.volume.proof import Statement
from plugins.module_utils.reingest.volume.signature import sign

ADA, BOB = "0000-0002-1825-0097", "0000-0001-5109-3700"
A, B = "20261101T000000Z", "20261102T000000Z"
ARGUMENTS = {"snapshot": "", "force": "False", "why": "größer"}

pytestmark = pytest.mark.attack


def new_key(path, *more):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", *more, "-f", path], check=True)
    return path


def public(path):
    return " ".join(path.with_suffix(".pub").read_text().split()[:2])


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return {name: new_key(folder / name) for name in ("ada", "bob", "late")}


@pytest.fixture
def allowed(keys, tmp_path, monkeypatch):
    """Return the file of a host that requires a proof."""
    folder = tmp_path / "etc"
    folder.mkdir(mode=0o755)
    path = folder / "allowed_signers"
    late = f'{ADA} valid-before="20200101" {public(keys["late"])}\n'
    path.write_text(f"{ADA} {public(keys['ada'])}\n{BOB} {public(keys['bob'])}\n{late}")
    path.chmod(0o644)
    monkeypatch.setattr(signers, "SIGNERS", path)
    monkeypatch.setattr(signers, "OWNER", os.geteuid())
    return path


@pytest.fixture
def call(site, run_module, allowed, tmp_path):
    """Return ``call(module, ...)`` on the volume, by run 1 of Ada's promote.yml."""
    site.serve(A)
    site.load(B)

    def run(module, **more):
        run = {"run": "run-1", "operator": ADA, "playbook": "promote", "volume": str(site.volume.root)}
        who = {"operators": [ADA, BOB], "arguments": ARGUMENTS} if module in ("run_begin", "run_stop") else {}
        host = {"engine": "process", "records": str(tmp_path / "records")} if module == "run_begin" else {}
        return run_module(module, **{**run, **who, **host, **more})

    return run


def signed(call, key, *, module="run_begin", edit=None, **more):
    """Return the signature of what the host asks for."""
    asked = Statement(**call(module, **more)["challenge"])
    return sign((edit(asked) if edit else asked).text(), str(key))


class TestAProvenRun:
    def test_has_the_volume_and_its_lines_name_the_key(self, site, call, keys):
        claimed = call("run_begin", proof=signed(call, keys["ada"]))
        assert claimed["operator"] == ADA
        fingerprint = holder(site.volume).proof
        listed = subprocess.run(["ssh-keygen", "-l", "-f", keys["ada"]], capture_output=True, text=True)
        assert fingerprint in listed.stdout
        # The line has the operator who was proven, whatever a task says.
        assert call("snapshot_promote", operator=BOB)["live"] == B
        entry = site.ledger.entries[-1]
        assert (entry.state, entry.operator, entry.proof) == ("live", ADA, fingerprint)
        assert site.ledger.entries[0].proof == ""
        told = call("snapshot_info")["text"]
        assert any(f"live {B} by {ADA} (proven by {fingerprint})" in line for line in told)
        assert any(f"loaded {B} by {ADA} (unproven)" in line for line in told)
        report = call("run_report", operator=BOB)["report"]
        assert (report["operator"], report["proof"]) == (ADA, fingerprint)

    def test_is_verified_later_with_plain_tools(self, site, call, keys, allowed):
        call("run_begin", proof=signed(call, keys["ada"]))
        folder = site.volume.run("run-1")
        script = (
            'jq -j .signature proof.json > "$2"/signature && jq -j .statement proof.json | '
            f'ssh-keygen -Y verify -f "$1" -I {ADA} -n reingest -s "$2"/signature && '
            "jq -jcS .arguments proof.json | sha256sum && jq -j .statement proof.json"
        )
        command = ["sh", "-ec", script, "-", allowed, allowed.parent]
        done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
        assert f'Good "reingest" signature for {ADA}' in done.stdout
        assert json.loads(done.stdout.splitlines()[-1])["arguments"] == done.stdout.splitlines()[1].split()[0]

    def test_claims_again_after_a_lost_connection(self, site, call, keys):
        proof = signed(call, keys["ada"])
        for _ in range(2):
            assert "failed" not in call("run_begin", proof=proof)
        assert call("snapshot_promote")["live"] == B

    def test_is_asked_for_its_proof_in_a_dry_run_that_writes_nothing(self, site, call, keys):
        assert "requires a proof" in call("run_begin", check=True)["msg"]
        assert "failed" not in call("run_begin", check=True, proof=signed(call, keys["ada"]))
        assert holder(site.volume) is None
        assert not site.volume.run("run-1").exists()

    def test_stops_what_another_left(self, site, call, keys):
        call("run_begin", proof=signed(call, keys["ada"]))
        stop = {"state": "released", "take_over": "run-1", "run": "run-2", "playbook": "stop"}
        proof = signed(call, keys["ada"], module="run_stop", **stop)
        assert call("run_stop", proof=proof, **stop)["released"] == "run-1"
        assert holder(site.volume) is None
        assert (site.volume.run("run-2") / "proof.json").exists()


class TestARunWithoutProof:
    def test_is_refused_and_told_what_to_set(self, site, call):
        refused = call("run_begin")
        assert "set reingest_signing_key" in refused["msg"]
        assert (refused["challenge"]["run"], refused["challenge"]["operator"]) == ("run-1", ADA)
        assert refused["challenge"]["ledger"] == site.ledger.entries[-1].chain
        assert holder(site.volume) is None

    @pytest.mark.parametrize(
        "playbook", ["ingest", "load", "promote", "rollback", "prune", "pin", "", "stop"]
    )
    def test_whatever_it_runs(self, call, playbook):
        assert "requires a proof" in call("run_begin", playbook=playbook)["msg"]

    @pytest.mark.parametrize("state", ["checked", "ended", "released"])
    def test_stops_nothing(self, site, call, state):
        site.claim("run-0")
        for volume in ({}, {"volume": ""}):
            refused = call("run_stop", state=state, take_over="run-0", playbook="stop", **volume)
            assert "requires a proof" in refused["msg"]
        assert holder(site.volume).run == "run-0"

    def test_recovers_and_the_ledger_says_that_nobody_proved_it(self, site, call, tmp_path):
        assert "failed" not in call("run_begin", playbook="recover")
        assert holder(site.volume).proof == ""
        here = {"records": str(tmp_path), "engine": "process", "state": "recovered", "playbook": "recover"}
        assert call("switch_window", **here)["live"] == A

    def test_does_nothing_else_by_calling_itself_a_recovery(self, site, call):
        call("run_begin", playbook="recover")
        for module, more in (
            ("snapshot_promote", {}),
            ("snapshot_promote", {"kind": "rollback"}),
            ("snapshot_prune", {}),
            ("snapshot_pin", {"snapshot": A}),
            ("staging_discard", {}),
            ("carry_over", {"state": "lifted", "production_dsn": "", "staging_dsn": ""}),
        ):
            assert "it may only recover" in call(module, playbook="recover", **more)["msg"], module
        assert site.volume.live() == A

    def test_does_not_join_a_proven_run_by_its_id(self, site, call, keys):
        call("run_begin", proof=signed(call, keys["ada"]))
        for playbook in ("recover", "promote"):
            refused = call("run_begin", playbook=playbook, operator=BOB)
            assert "was proven before" in refused["msg"]

    def test_accepts_no_ledger_as_a_recovery(self, site, call, keys):
        text = site.volume.ledger.read_text()
        site.volume.ledger.write_text(text.replace('"good"', '"bad"', 1))
        content = call("snapshot_info")["chain"]["accept"]
        more = {"playbook": "recover", "accept_ledger": content}
        assert "requires a proof" in call("run_begin", **more)["msg"]
        assert "failed" not in call("run_begin", proof=signed(call, keys["ada"], **more), **more)
        assert (site.ledger.entries[-1].operator, bool(site.ledger.entries[-1].proof)) == (ADA, True)

    def test_is_as_before_where_the_host_requires_none(self, site, call, allowed):
        allowed.unlink()
        assert "failed" not in call("run_begin")
        assert call("snapshot_promote")["live"] == B
        assert site.ledger.entries[-1].proof == ""


class TestAProofThatIsNotThatOfTheRun:
    @pytest.mark.parametrize(
        "change",
        [
            {"run": "run-0"},
            {"volume": "/srv/other"},
            {"playbook": "prune"},
            {"operator": BOB},
            {"arguments": "0" * 64},
            {"ledger": "0" * 64},
        ],
    )
    def test_is_refused(self, site, call, keys, change):
        proof = signed(call, keys["ada"], edit=lambda asked: replace(asked, **change))
        refused = call("run_begin", proof=proof)
        assert "the proof of run run-1 is refused" in refused["msg"]
        assert holder(site.volume) is None

    def test_by_another_operators_key_is_refused(self, site, call, keys):
        assert "is refused" in call("run_begin", proof=signed(call, keys["bob"]))["msg"]

    def test_by_a_key_whose_time_is_over_is_refused(self, site, call, keys):
        refused = call("run_begin", proof=signed(call, keys["late"]))
        assert "is refused" in refused["msg"]
        assert "expired" in refused["msg"]

    @pytest.mark.parametrize("proof", ["x", "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n"])
    def test_which_is_no_signature_is_refused(self, call, proof):
        assert "is refused" in call("run_begin", proof=proof)["msg"]

    def test_of_an_older_ledger_is_refused(self, site, call, keys):
        proof = signed(call, keys["ada"])
        site.record("pinned", A, "run-9")
        assert "is refused" in call("run_begin", proof=proof)["msg"]

    def test_with_other_arguments_is_refused(self, call, keys):
        proof = signed(call, keys["ada"])
        refused = call("run_begin", proof=proof, arguments={**ARGUMENTS, "snapshot": A})
        assert "is refused" in refused["msg"]

    def test_for_another_namespace_is_refused(self, call, keys, tmp_path):
        text = tmp_path / "text"
        text.write_text(Statement(**call("run_begin")["challenge"]).text())
        subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", "git", "-f", keys["ada"], text], check=True)
        refused = call("run_begin", proof=(tmp_path / "text.sig").read_text())
        assert "is refused" in refused["msg"]

    def test_that_was_used_by_a_run_that_ended_is_refused(self, site, call, keys):
        proof = signed(call, keys["ada"])
        call("run_begin", proof=proof)
        call("run_lock", state="released")
        assert "a proof is used once" in call("run_begin", proof=proof)["msg"]
        assert holder(site.volume) is None

    def test_of_somebody_who_is_no_operator_any_more_is_refused(self, call, keys):
        refused = call("run_begin", proof=signed(call, keys["ada"]), operators=[BOB])
        assert "is not one of the operators" in refused["msg"]


class TestTheFileOfSigners:
    @pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
    def test_that_others_may_write_proves_nothing(self, call, allowed, keys, mode):
        proof = signed(call, keys["ada"])
        allowed.chmod(mode)
        assert f"{allowed} may be written by others" in call("run_begin", proof=proof)["msg"]

    def test_in_a_folder_that_others_may_write_proves_nothing(self, call, allowed):
        allowed.parent.chmod(0o777)
        assert f"{allowed.parent} may be written by others" in call("run_begin")["msg"]

    def test_of_another_account_proves_nothing(self, call, allowed, monkeypatch):
        monkeypatch.setattr(signers, "OWNER", os.geteuid() + 1)
        assert "does not belong to root" in call("run_begin")["msg"]

    @pytest.mark.parametrize("kind", ["link", "folder", "fifo"])
    def test_that_is_no_file_proves_nothing(self, call, allowed, tmp_path, kind):
        allowed.rename(tmp_path / "elsewhere")
        if kind == "link":
            allowed.symlink_to(tmp_path / "elsewhere")
        elif kind == "folder":
            allowed.mkdir()
        else:
            os.mkfifo(allowed)
        assert f"{allowed} is no file" in call("run_begin")["msg"]

    @pytest.mark.parametrize("content", ["", "garbage\n", "\x00\xff"])
    def test_that_lists_nobody_lets_nobody_run(self, call, allowed, keys, content):
        proof = signed(call, keys["ada"])
        allowed.write_text(content)
        assert "is refused" in call("run_begin", proof=proof)["msg"]

    def test_is_asked_for_again_by_each_verb(self, call, allowed, keys):
        call("run_begin", proof=signed(call, keys["ada"]))
        allowed.chmod(0o666)
        assert "may be written by others" in call("snapshot_promote")["msg"]


class TestSigning:
    def test_with_a_key_that_wants_a_passphrase_fails_at_once(self, tmp_path, monkeypatch):
        key = tmp_path / "locked"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", key], check=True)
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
        with pytest.raises(Refusal, match=r"must be in ssh-agent \(ssh-add\)"):
            sign("text\n", str(key))

    def test_with_the_public_key_of_one_in_the_agent(self, tmp_path, keys, monkeypatch):
        socket = tmp_path / "agent"
        with subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL) as agent:
            while not socket.exists():
                assert agent.poll() is None
            monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
            subprocess.run(["ssh-add", "-q", keys["ada"]], check=True)
            alone = tmp_path / "ada.pub"
            alone.write_text(keys["ada"].with_suffix(".pub").read_text())
            assert sign("text\n", str(alone)) == sign("text\n", str(keys["ada"]))
            agent.terminate()

    def test_without_the_key_names_its_path(self, tmp_path):
        with pytest.raises(Refusal, match=r"there is no key .*/none on the controller"):
            sign("text\n", str(tmp_path / "none"))

    def test_without_ssh_keygen_says_so(self, keys, tmp_path, monkeypatch):
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(Refusal, match="ssh-keygen is missing on the controller: install"):
            sign("text\n", str(keys["ada"]))

    def test_is_verified_on_no_host_without_ssh_keygen(self, call, keys, tmp_path, monkeypatch):
        proof = signed(call, keys["ada"])
        monkeypatch.setenv("PATH", str(tmp_path))
        assert "ssh-keygen is missing on this host: install" in call("run_begin", proof=proof)["msg"]


class TestARunOfTheControlService:
    """The service is one more signer: its key counts for whom it says, where the host lists it."""

    SAYS = f"portal for {ADA}, authenticated by https://orcid.org at 2026-11-23T11:45:00+00:00, job 0123"

    @pytest.fixture
    def listed(self, keys, allowed, tmp_path):
        keys["service"] = new_key(tmp_path / "service")
        line = f'service:portal namespaces="reingest" {public(keys["service"])}\n'
        allowed.write_text(f"# role {ADA} promoter\n{allowed.read_text()}{line}")
        return keys["service"]

    def test_is_proven_by_the_service_for_the_person(self, site, call, listed):
        arguments = {**ARGUMENTS, "service": self.SAYS}
        proof = signed(call, listed, arguments=arguments)
        claimed = call("run_begin", proof=proof, arguments=arguments)
        assert claimed["operator"] == ADA
        assert holder(site.volume).proof.startswith("service portal, SHA256:")

    def test_by_a_token_names_the_token(self, site, call, listed):
        arguments = {**ARGUMENTS, "service": f"portal for token nightly of {ADA}, job 0123456789abcdef"}
        call("run_begin", proof=signed(call, listed, arguments=arguments), arguments=arguments)
        assert holder(site.volume).proof.startswith("service portal for token nightly, SHA256:")

    @pytest.mark.parametrize(
        ("says", "told"),
        [
            (SAYS.replace(ADA, BOB), "does not say that the run is for"),
            ("portal", "does not say that the run is for"),
            (f"PORTAL for {ADA}, job 1", "does not say that the run is for"),
            (f"other for {ADA}, job 1", "service:other"),
            ("", "lists for 0000-0002-1825-0097"),
        ],
    )
    def test_for_another_person_or_of_another_service_is_refused(self, site, call, listed, says, told):
        arguments = {**ARGUMENTS, "service": says}
        refused = call("run_begin", proof=signed(call, listed, arguments=arguments), arguments=arguments)
        assert told in refused["msg"]
        assert holder(site.volume) is None

    def test_is_not_forged_with_an_operators_own_key(self, site, call, keys, listed):
        arguments = {**ARGUMENTS, "service": self.SAYS}
        refused = call("run_begin", proof=signed(call, keys["ada"], arguments=arguments), arguments=arguments)
        assert "service:portal" in refused["msg"]
        assert holder(site.volume) is None

    def test_is_refused_once_the_services_key_is_taken_off_the_list(self, site, call, allowed, listed):
        arguments = {**ARGUMENTS, "service": self.SAYS}
        proof = signed(call, listed, arguments=arguments)
        lines = allowed.read_text().splitlines(keepends=True)
        allowed.write_text("".join(line for line in lines if "service:" not in line))
        assert "is refused" in call("run_begin", proof=proof, arguments=arguments)["msg"]
        assert holder(site.volume) is None
