"""What a claim and a stop share: the proof of who runs, where this host requires one."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .reingest.errors import Refusal
from .reingest.volume.signers import proof_required
from .runner import Call

if TYPE_CHECKING:
    from .reingest.volume.proof_record import Proof

# Documented by the fragment `dataportal.reingest.proof`.
PROOF: dict[str, Any] = {
    "arguments": {"type": "dict", "default": {}},
    "signing_key": {"type": "str", "default": "", "no_log": False},  # a path
    "proof": {"type": "str", "default": ""},
}


def proof_of(call: Call, operator: str, *, again: bool) -> Proof | None:
    """Return the proof of the run; None where this host requires none.

    Args:
        call: the call.
        operator: who runs it, the ORCID iD in its short form.
        again: whether the run was proven before and this is the same step once more.

    Raises:
        Refusal: the proof is missing, or is not that of this run.
    """
    if not proof_required():
        return None
    from .reingest.volume.proof import Statement, proven

    volume = call.volume if call["volume"] else None
    asked = Statement(call.run, str(call["volume"]), call["playbook"], operator, "", "")
    return proven(volume, asked, call["proof"], call["arguments"], again=again)


def keep_if_new(call: Call, proof: Proof | None) -> str:
    """Keep a proof for an auditor; return its key, empty where there is no proof."""
    if proof is None:
        return ""
    from .reingest.volume.proof_record import keep_proof, read_proof

    if read_proof(call.volume, call.run) is None:
        keep_proof(call.volume, call.run, proof)
    return proof.key


def challenge(refusal: Refusal) -> dict[str, Any]:
    """Return what is to be signed; empty where a signature is not what is missing."""
    wanted = getattr(refusal, "wanted", None)
    return {} if wanted is None else asdict(wanted)
