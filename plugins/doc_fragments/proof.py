"""The options of the modules that ask who runs, and have it proven where the host requires it."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of ``module_utils/proof_call.py``'s PROOF."""

    DOCUMENTATION = r"""
options:
  arguments:
    description: What decides what the run does, as plain values. A digest of it is part of what is signed.
    type: dict
    default: {}
  signing_key:
    description: Path of the operator's key on the controller, private or public (the private one is in the
      agent then). The action plugin signs with it where the host asks for a proof; it does not get to the
      host.
    type: str
    default: ""
  proof:
    description: The signature of C(ssh-keygen -Y sign -n reingest); filled in by the action plugin.
    type: str
    default: ""
notes:
  - Where the host has C(/etc/reingest/allowed_signers), the operator must be proven by a signature over the
    run, its arguments and the ledger. No option changes that.
"""
