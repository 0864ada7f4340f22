"""Which tables of an unfinished load stay as they are, because all that decides their rows is the same."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ..dataset.model import Dataset
from ..postgres.dsn import connect, with_database
from .constraints import SetAside
from .state import FilledTable, LoadState, UnresumableError, read_state


@dataclass(frozen=True)
class Resumption:
    """An unfinished load that is resumed: the tables that stay, and what it has set aside."""

    tables: dict[str, FilledTable]
    aside: SetAside


def plan_resume(dsn: str, dataset: Dataset, identity: str, digests: Mapping[str, str]) -> Resumption:
    """Decide what of an unfinished load stays; changes nothing.

    Args:
        dsn: the staging server.
        dataset: what is to be loaded.
        identity: what ``load_identity`` returned.
        digests: of each table with sources, what ``table_digest`` returned.

    Raises:
        UnresumableError: nothing of it can stay.
    """
    with closing(connect(with_database(dsn, dataset.database), autocommit=True)) as connection:
        state = read_state(connection, identity)
    kept = {
        name: state.filled[name]
        for name, digest in digests.items()
        if name in state.filled and state.filled[name].digest == digest and _has_rejects(state.filled[name])
    }
    again = True
    while again:  # a table that is loaded again may have been the parent of another
        stale = [name for name in kept if _lacks_rows(dataset, state, kept, digests, name)]
        again = bool(stale)
        for name in stale:
            del kept[name]
    if not kept:
        raise UnresumableError("no table of it is complete, and has the same sources")
    redone = sorted(set(digests) - set(kept))
    active = [name for name in redone if name in state.active]
    if active:
        raise UnresumableError(
            f"what triggers or rules of {', '.join(active)} wrote elsewhere cannot be taken back"
        )
    return Resumption(kept, state.aside)


def _lacks_rows(
    dataset: Dataset, state: LoadState, kept: Mapping[str, FilledTable], digests: Mapping[str, str], name: str
) -> bool:
    """Return whether orphans were dropped from a table that may be none any more."""
    table = dataset.table(name)
    if not kept[name].orphans or table is None:
        return False
    parents = {reference.parent for reference in state.aside.references if reference.table == name}
    return table.orphans != "drop" or any(parent in digests and parent not in kept for parent in parents)


def _has_rejects(table: FilledTable) -> bool:
    """Return whether the rows that were set aside are still on the worker, all of them."""
    if not table.rejected:
        return True
    try:
        with Path(table.rejects).open("rb") as lines:
            return sum(1 for _ in lines) == table.rejected
    except OSError:
        return False
