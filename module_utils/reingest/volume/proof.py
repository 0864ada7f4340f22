"""The proof of who runs: a signature over what the run is, which holds for this one run only.

What is signed is one line, JSON with sorted keys and no spaces, with its line feed: ``arguments``,
``ledger``, ``operator``, ``playbook``, ``run``, ``volume``. The run's id is used once, and the ledger's last
hash changes with each run that did something; so a signature cannot be used again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..errors import Refusal
from . import signers
from .chain import read_chain
from .layout import Volume
from .proof_record import Proof, read_proof
from .signature import verify

# What the control service says for whom a run is; it is one of the run's arguments, and so is signed.
_SERVICE = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9-]{0,31}) for (?:(?P<token>token [a-z0-9-]{1,40}) of )?"
    r"(?P<operator>\d{4}-\d{4}-\d{4}-\d{3}[\dX]),"
)


@dataclass(frozen=True)
class Statement:
    """What an operator signs."""

    run: str
    volume: str  # its path
    playbook: str
    operator: str  # ORCID iD in its short form
    arguments: str  # SHA-256 of the arguments
    ledger: str  # the ledger's last hash; empty on a host without the volume

    def text(self) -> str:
        """Return it as it is signed."""
        return canonical(asdict(self)) + "\n"


class Unproven(Refusal):
    """A run without the proof that the host requires."""

    def __init__(self, wanted: Statement) -> None:
        super().__init__(
            f"this host requires a proof of who runs ({signers.SIGNERS}): set reingest_signing_key to the "
            f"path of a key, on the controller, that is listed there for {wanted.operator}"
        )
        self.wanted = wanted


def canonical(values: Mapping[str, Any]) -> str:
    """Return JSON of one form: sorted keys, no spaces, as ``jq -cS`` writes it."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(arguments: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a run's arguments."""
    return hashlib.sha256(canonical(arguments).encode()).hexdigest()


def proven(
    volume: Volume | None, asked: Statement, signature: str, arguments: Mapping[str, Any], *, again: bool
) -> Proof:
    """Return the proof of a run; the ledger's last hash is put into what is asked here.

    Args:
        volume: the volume; None on a host without it.
        asked: what the operator must have signed.
        signature: the signature, armored; empty: there is none yet.
        arguments: those of the run.
        again: whether a step that was proven may come again, as after a lost connection.

    Raises:
        Unproven: there is no signature; what is to be signed is in it.
        Refusal: the signature is not that of a key of this operator over this statement, or was used before.
    """
    asked = replace(asked, arguments=digest(arguments), ledger=read_chain(volume).last if volume else "")
    used = read_proof(volume, asked.run) if volume else None
    if used is not None:
        if again and signature == used.signature and _same(asked, used):
            return used
        raise Refusal(f"run {asked.run} was proven before, and a proof is used once: start a new run")
    if not signature:
        raise Unproven(asked)
    principal = asked.operator
    try:
        service, principal = _signer(asked.operator, str(arguments.get("service", "")))
        key = service + verify(asked.text(), signature, principal, signers.SIGNERS)
    except Refusal as refusal:
        raise Refusal(
            f"the proof of run {asked.run} is refused ({refusal}): it must be made for this run, its "
            f"arguments and the ledger as it is now, by a key that {signers.SIGNERS} lists for "
            f"{principal} and that is valid today"
        ) from None
    return Proof(asked.operator, key, asked.text(), signature, dict(arguments))


def _signer(operator: str, service: str) -> tuple[str, str]:
    """Return what the ledger says before the key's fingerprint, and whose key it must be.

    Args:
        operator: for whom the run is.
        service: what the control service says of that, ``<name> for [token <name> of ]<iD>, ...``; empty: it
            is the operator's own key.

    Raises:
        Refusal: that is for another operator, or malformed.
    """
    if not service:
        return "", operator
    found = _SERVICE.match(service)
    if found is None or found["operator"] != operator:
        raise Refusal(f"the service does not say that the run is for {operator}")
    token = f" for {found['token']}" if found["token"] else ""
    return f"service {found['name']}{token}, ", f"service:{found['name']}"


def _same(asked: Statement, used: Proof) -> bool:
    """Return whether a proof is of the same statement, whatever the ledger got since."""
    try:
        ledger = str(json.loads(used.statement)["ledger"])
    except (ValueError, KeyError, TypeError):
        return False
    return replace(asked, ledger=ledger).text() == used.statement
