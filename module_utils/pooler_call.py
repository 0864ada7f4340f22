"""From a call of a module to the poolers that it names."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .runner import Call

if TYPE_CHECKING:
    from .reingest.poolers.model import Pooler


def poolers_of(call: Call) -> tuple[Pooler, ...]:
    """Return the poolers of a call.

    Raises:
        Refusal: one cannot be used.
    """
    return poolers_in(call["poolers"])


def poolers_in(raw: Sequence[Mapping[str, Any]]) -> tuple[Pooler, ...]:
    """Return the poolers of an option of a call; none where it has none, without psycopg2.

    Raises:
        Refusal: one cannot be used.
    """
    if not raw:
        return ()
    from .reingest.poolers.model import poolers_from

    return poolers_from(raw, environment=os.environ, home=Path.home())


def stored_poolers(call: Call) -> tuple[dict[str, str], ...]:
    """Return the poolers of a call as they are written down."""
    return tuple(one.stored() for one in poolers_in(call.params.get("poolers") or ()))
