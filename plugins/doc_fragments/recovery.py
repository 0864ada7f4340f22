"""The options of the modules that recover a host from a switch that was cut short."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation of ``module_utils/recover_call.py``'s RECOVERY, beside the services."""

    DOCUMENTATION = r"""
options:
  login:
    description: Production's connection string, of a superuser, where the rows of the portal's users are
      carried. A window that is opened has it, for this account alone, until it is closed, because whoever
      ends the switch must lift the fence of the database.
    type: str
    default: ""
  start:
    description: A recovery starts what does not run also when nothing was cut short.
    type: bool
    default: false
  look:
    description: After a recovery it is said what is on the volume (RV(volume)), and one with faults is
      refused. A ledger that was changed by something else is only told to a rollback, a pin and a recovery.
    type: bool
    default: false
"""
