"""The options of the modules that hold a portal's clients at their poolers."""

from __future__ import annotations

_POOLERS = """
  poolers:
    description:
      - PgBouncers that hold the portal's clients while production is switched, all of them or none; the
        writers are not stopped then.
      - This host reaches them. Needs psycopg2.
    type: list
    elements: dict
    default: []
    suboptions:
      admin:
        description: Connection string of the admin console, of one of its C(admin_users). Its password is in
          a password file, never in the string.
        type: str
        default: ""
      database:
        description: The portal's database, as the pooler's configuration names it.
        type: str
        default: ""
"""


class ModuleDocFragment:
    """Documentation of ``module_utils/hold_call.py``'s POOLERS and HOLD; the latter beside ``served``."""

    DOCUMENTATION: str = "options:" + _POOLERS
    HOLD: str = (
        "options:"
        + _POOLERS
        + """
  hold_blocked:
    description: What becomes of clients whose transaction does not end within O(drain). With V(give_up) all
      clients go on and the switch ends; with V(end) those sessions are ended.
    type: str
    choices: [give_up, end]
    default: give_up
"""
    )
