"""The proof of a run as it is kept in ``.reingest/runs/<run>/proof.json``, for an auditor.

Plain ssh-keygen verifies it (docs/trust/who.md); the ledger's lines of the run name its key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import Refusal
from ..fs.durable import make_own_directory
from ..fs.durable_record import DurableRecord
from ..fs.record_values import record_from
from .layout import Volume

VERSION = 1


@dataclass(frozen=True)
class Proof:
    """What was signed, and with which key."""

    operator: str  # the ORCID iD that is the key's principal
    key: str  # its fingerprint, SHA256:...
    statement: str  # exactly what was signed
    signature: str  # of ssh-keygen -Y sign, armored
    arguments: Mapping[str, Any]  # those whose digest is in the statement
    version: int = VERSION


def read_proof(volume: Volume, run: str) -> Proof | None:
    """Return a run's proof; None where it has none that can be read."""
    try:
        return _record(volume, run).read() if run and "/" not in run else None
    except Refusal:
        return None


def keep_proof(volume: Volume, run: str, proof: Proof) -> None:
    """Write a run's proof into its folder, durably."""
    for folder in (volume.records, volume.run(run).parent, volume.run(run)):
        make_own_directory(folder)
    _record(volume, run).write(proof)


def _record(volume: Volume, run: str) -> DurableRecord[Proof]:
    return DurableRecord(volume.run(run) / "proof.json", lambda raw: record_from(Proof, raw), VERSION)
