"""What `make test` leaves to `make test-full`: tests marked ``full``; fewer cases of the same stay."""

from __future__ import annotations

import pytest

full = pytest.mark.full


def sample(cases, *quick):
    """Return all cases as parameters of a test or a fixture; only the named ones are in ``make test``."""
    assert set(quick) <= set(cases), f"{set(quick) - set(cases)} is none of {list(cases)}"
    return [pytest.param(case, marks=() if case in quick else full, id=str(case)) for case in cases]


def sample_of(named, *quick):
    """Return the values of a table of cases, which is by their names, as ``sample`` does."""
    assert set(quick) <= set(named), f"{set(quick) - set(named)} is none of {list(named)}"
    values = {name: value if isinstance(value, tuple) else (value,) for name, value in named.items()}
    return [pytest.param(*values[name], marks=() if name in quick else full, id=name) for name in named]
