"""The option of the modules that say what is on a volume before a run goes on."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of ``module_utils/look_call.py``'s LOOK, beside the services."""

    DOCUMENTATION = r"""
options:
  look:
    description: Where nothing is left to recover, it is said what is on the volume (RV(volume)), and one with
      faults is refused. A ledger that was changed by something else is only told to a rollback, a pin and a
      recovery.
    type: bool
    default: false
"""
