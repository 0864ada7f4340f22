"""Make a volume that the runbook left, or a hand changed, one that reingest can work on.

Each repair is durable before the next begins, and is found again, or found done, when a run is killed in it.
No data is deleted: what goes are empty directories, and links that lead nowhere.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..engines.occupancy import occupancy_faults
from ..errors import Refusal
from ..fs.durable import (
    make_directory,
    make_link,
    make_own_directory,
    remove_empty,
    replace_link,
    sync_directory,
    unlink,
)
from ..fs.no_follow import folder, is_link, is_there
from ..fs.rename import exchange, rename
from ..fs.sizes import measure
from ..fs.tree import sync_tree
from ..postgres.datadir import read_data_directory, use_faults
from ..promotion.journal import place_of
from ..staging.emptying import empty_ingest
from ..volume import ledger as ledger_file
from ..volume.layout import Volume
from ..volume.ledger import read_ledger
from .adoption_record import Adopting, close_adopting, open_adopting, read_adopting
from .finding import (
    ADOPT,
    ADOPTED_KIND,
    DROP,
    EMPTY,
    FOUND_LIVE,
    LINK,
    MAKE_INGEST,
    MARKS,
    RECORD,
    REJECT,
    RELINK,
    SET_ASIDE,
    UNLINK,
    Finding,
)
from .survey import missing_parts, survey

_WHY_LIVE = "adopted: it was live when reingest first saw this volume"
_WHY_OTHER = "adopted: it was on the volume when reingest first saw it"


@dataclass(frozen=True)
class Adoption:
    """What was found, in the order in which it is repaired."""

    findings: tuple[Finding, ...]

    @property
    def repairs(self) -> tuple[Finding, ...]:
        """What a run does now."""
        return tuple(found for found in self.findings if found.repair and not found.refused)

    @property
    def changed(self) -> bool:
        """Whether anything is to be done."""
        return bool(self.repairs)

    def did(self) -> list[str]:
        """Return the repairs as sentences."""
        return [found.sentence() for found in self.repairs]

    def told(self) -> list[str]:
        """Return what is not repaired, as sentences."""
        return [found.sentence() for found in self.findings if found not in self.repairs]

    def refused(self) -> list[str]:
        """Return what a run would repair and cannot now, as sentences with the remedy."""
        return [found.sentence() for found in self.findings if found.repair and found.refused]

    def first(self) -> list[str]:
        """Return the repairs before which nothing that comes after them in a run can be planned."""
        return [found.sentence() for found in self.repairs if found.first]

    def diff(self) -> dict[str, str]:
        """Return what is found and what is done about it."""
        before = "".join(f"{found.path}: {found.found}\n" for found in self.repairs)
        return {"before": before, "after": "".join(f"{found.path}: {found.will}\n" for found in self.repairs)}


@dataclass(frozen=True)
class _Run:
    volume: Volume
    run: str
    operator: str
    live: str  # the snapshot that is live when all is repaired
    exclusive: bool

    def record(
        self, state: str, snapshot: str, why: str = "", detail: Mapping[str, object] | None = None
    ) -> None:
        ledger_file.append(
            self.volume, state, snapshot, run=self.run, operator=self.operator, why=why, detail=detail
        )


def plan_adoption(volume: Volume, now: datetime, *, exclusive: bool = False) -> Adoption:
    """Look for what is to be repaired; on a volume in order nothing is.

    Args:
        volume: the volume.
        now: the time, for the id of a data directory that has none.
        exclusive: whether ``prod`` is declared to be nobody else's, where that cannot be seen.

    Raises:
        Refusal: the ledger is damaged, or something cannot be read by this account.
    """
    return Adoption(tuple(survey(volume, now, exclusive=exclusive)))


def apply_adoption(
    volume: Volume, plan: Adoption, *, run: str, operator: str, exclusive: bool = False
) -> None:
    """Do what was planned.

    Raises:
        Refusal: somebody came into ``prod`` meanwhile, or the disk or this account's rights refuse a step.
    """
    make_own_directory(volume.records)
    adopting = read_adopting(volume)
    if adopting is not None and is_there(volume.prod) and not adopting.lies_at(volume.prod):
        close_adopting(volume)  # it is done, or somebody has moved that directory elsewhere
    live = next((one.snapshot for one in plan.repairs if one.repair in (LINK, RELINK)), "")
    doing = _Run(volume, run, operator, live or _live(volume), exclusive)
    try:
        for found in plan.repairs:
            _REPAIRS[found.repair](doing, found)
    except PermissionError as error:
        raise Refusal(f"{error.filename} cannot be changed by this account: run as root") from error


def _live(volume: Volume) -> str:
    try:
        return volume.live() or ""
    except Refusal:
        return ""


def _link(doing: _Run, found: Finding) -> None:
    """Make a snapshot of a real ``prod`` by one exchange with a link that waits at the snapshot's place."""
    volume, prod, target = doing.volume, doing.volume.prod, doing.volume.snapshot(found.snapshot)
    make_own_directory(volume.staging, through=True)
    sync_tree(prod)
    open_adopting(volume, Adopting(found.snapshot, place_of(prod)))
    unlink(target)  # the link of a run that died here; a directory is no such thing
    make_link(target, f"staging/{found.snapshot}")
    sync_directory(volume.staging)
    faults = use_faults(prod) + occupancy_faults(prod, exclusive=doing.exclusive)
    if faults:  # somebody came while the tree was synced
        raise Refusal(f"{prod} cannot be adopted: {'; '.join(faults)}")
    if not exchange(prod, target):
        unlink(target)
        rename(prod, target)
        sync_directory(volume.staging)
        replace_link(prod, f"staging/{found.snapshot}")
    sync_directory(volume.staging)
    sync_directory(volume.root)
    close_adopting(volume)


def _relink(doing: _Run, found: Finding) -> None:
    replace_link(doing.volume.prod, f"staging/{found.snapshot}")
    close_adopting(doing.volume)


def _drop(_doing: _Run, found: Finding) -> None:
    remove_empty(found.path)
    if found.snapshot:
        replace_link(found.path, f"staging/{found.snapshot}")
    sync_directory(found.path.parent)


def _unlink(doing: _Run, found: Finding) -> None:
    path = _place(doing, found.path)
    if not is_link(path):
        raise Refusal(f"{path} is no link any more: look into it")
    unlink(path)
    sync_directory(path.parent)


def _place(doing: _Run, path: Path) -> Path:
    """Return where something lies now: a real ``prod`` became a snapshot before the other repairs."""
    prod = doing.volume.prod
    moved = prod in (path, *path.parents) and is_link(prod) and doing.live
    return doing.volume.snapshot(doing.live) / path.relative_to(prod) if moved else path


def _marks(doing: _Run, found: Finding) -> None:
    """Give a data directory, not what is in it, the owner of its files, and their mode for the group."""
    with folder(_place(doing, found.path), read=True) as directory:
        own = os.fstat(directory)
        model = os.stat("PG_VERSION", dir_fd=directory, follow_symlinks=False)
        if model.st_uid != 0 and (own.st_uid, own.st_gid) != (model.st_uid, model.st_gid):
            os.fchown(directory, model.st_uid, model.st_gid)
        if stat.S_IMODE(own.st_mode) not in (0o700, 0o750):
            os.fchmod(directory, 0o750 if model.st_mode & stat.S_IRGRP else 0o700)
        os.fsync(directory)


def _set_aside(doing: _Run, found: Finding) -> None:
    volume = doing.volume
    aside = volume.adopted / doing.run
    make_own_directory(volume.adopted)
    make_own_directory(aside)
    rename(found.path, aside / found.path.name)
    sync_directory(aside)
    sync_directory(volume.ingest)


def _empty(doing: _Run, _found: Finding) -> None:
    empty_ingest(doing.volume)


def _make_ingest(doing: _Run, _found: Finding) -> None:
    """Make an empty ``ingest/`` like the live data directory, or else like the volume; of mode 0700."""
    volume = doing.volume
    like = volume.snapshot(doing.live) if doing.live else volume.root
    make_directory(volume.ingest, like=like)
    with folder(volume.ingest, read=True) as made:
        if stat.S_IMODE(os.fstat(made).st_mode) not in (0o700, 0o750):
            os.fchmod(made, 0o700)
            os.fsync(made)


def _adopt(doing: _Run, found: Finding) -> None:
    """Sync a snapshot, whose files may not be synced, and write its lines."""
    volume, snapshot = doing.volume, found.snapshot
    ledger, directory = read_ledger(volume), volume.snapshot(found.snapshot)
    is_live = snapshot == doing.live
    if ledger.load(snapshot) is None:
        sync_tree(directory)
        data = read_data_directory(directory)
        detail = {
            "system_identifier": data.system_identifier,
            "major": data.major,
            "catalog_version": data.control.catalog_version,
            "bytes": measure(directory).bytes,
            FOUND_LIVE: is_live,
        }
        doing.record(ledger_file.ADOPTED, snapshot, _WHY_LIVE if is_live else _WHY_OTHER, detail)
    if is_live:
        if ledger.live() != snapshot:
            detail = {"previous": ledger.live(), "kind": ADOPTED_KIND}
            doing.record(ledger_file.LIVE, snapshot, _WHY_LIVE, detail)
        doing.record(ledger_file.GOOD, snapshot, _WHY_LIVE)


def _reject(doing: _Run, found: Finding) -> None:
    missing = ", ".join(missing_parts(found.path))
    doing.record(ledger_file.BAD, found.snapshot, f"adopted: it is no whole cluster, {missing} missing")


def _record(doing: _Run, found: Finding) -> None:
    detail = {"previous": read_ledger(doing.volume).live(), "kind": "by hand"}
    doing.record(ledger_file.LIVE, found.snapshot, "prod was pointed at it manually", detail)


_REPAIRS: Mapping[str, Callable[[_Run, Finding], None]] = {
    LINK: _link,
    RELINK: _relink,
    DROP: _drop,
    UNLINK: _unlink,
    MARKS: _marks,
    SET_ASIDE: _set_aside,
    EMPTY: _empty,
    MAKE_INGEST: _make_ingest,
    ADOPT: _adopt,
    REJECT: _reject,
    RECORD: _record,
}
