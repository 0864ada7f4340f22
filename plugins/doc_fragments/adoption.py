"""The options of the modules that accept a volume, and adopt what is on it."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of ``module_utils/adopt_call.py``'s ADOPTION."""

    DOCUMENTATION = r"""
options:
  accepted:
    description: The kind that is accepted, as the kernel names it (V(nfs4), V(tmpfs)); empty is none.
    type: str
    default: ""
  loads:
    description: Whether the run loads, so that the load must be able to leave C(ingest/).
    type: bool
    default: false
  copies:
    description: Whether a load is copied where it cannot be renamed.
    type: bool
    default: false
"""
