"""The poolers that are to hold clients, tried while production serves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..errors import Refusal
from ..poolers.faults import Needs, faults
from ..poolers.login import wait_for_login
from ..poolers.model import Pooler
from .found import Found


def check_poolers(
    poolers: Sequence[Pooler], needs: Needs, logins: Callable[[], list[str]] | None, *, timeout: float
) -> list[Found]:
    """Look at the poolers, and make the logins that are made before their clients go on.

    Args:
        poolers: those that are to hold clients.
        needs: what the switch needs of them.
        logins: returns their connection strings; None: production does not run.
        timeout: seconds for each to answer.
    """
    found = [Found(fault.text, fault.name) for fault in faults(poolers, needs, seconds=timeout)]
    if logins is None or any(not one.name for one in found):
        return found
    try:
        for dsn in logins():
            wait_for_login(dsn, timeout=0)
    except Refusal as refusal:
        found.append(
            Found(
                f"the login that is made before the clients of the poolers go on fails: {refusal}; correct "
                "reingest_backend_dsn, or pg_hba.conf"
            )
        )
    return found
