"""What on a volume is not as reingest keeps it: what the runbook, a container or a hand has left there.

Only names, inodes and small files are looked at; no tree is walked.
"""

from __future__ import annotations

import stat
from datetime import datetime
from pathlib import Path

from ..engines.occupancy import occupancy_faults
from ..errors import Refusal
from ..fs.no_follow import is_empty, is_folder, is_link, is_there, listed, read_link, status_of
from ..postgres.datadir import is_data_directory, read_data_directory, use_faults
from ..promotion.journal import DamagedJournal, read_intent
from ..promotion.swap import lacks_ingest
from ..staging.emptying import is_half_emptied
from ..volume.layout import Volume
from ..volume.ledger import Ledger, read_ledger
from ..volume.snapshot_id import new_id, taken_at
from .adoption_record import Adopting, read_adopting
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

_PARTS = ("PG_VERSION", "global/pg_control", "base", "pg_wal")
_KEPT_OPEN = ".nfs"  # a file that was deleted on NFS while a process had it open
_OF_THE_SERVER = frozenset({"lost+found", ".snapshot", ".snapshots", ".zfs"})


def survey(volume: Volume, now: datetime, *, exclusive: bool = False) -> list[Finding]:
    """Return what is found, in the order in which it is repaired.

    While a journal is open only ``prod`` is looked at: what a run left half done is recovered first.

    Args:
        volume: the volume.
        now: the time, for the id of a data directory that has none.
        exclusive: whether ``prod`` is declared to be nobody else's, where that cannot be seen.

    Raises:
        Refusal: the ledger is damaged, or something cannot be read by this account.
    """
    ledger, under_way = read_ledger(volume), _journal_is_open(volume)
    adopting = read_adopting(volume)
    prod, live = _prod(volume, ledger, adopting, now, exclusive=exclusive)
    try:
        found = prod + _marks(volume) + _stray_links(volume)
        if not under_way:
            found += _ingest(volume)
            found += _staging(volume, ledger, adopting, live)
            found += _lines(volume, ledger, live)
    except PermissionError as error:
        raise Refusal(f"{error.filename} cannot be read by this account: run as root") from None
    return found


def _journal_is_open(volume: Volume) -> bool:
    try:
        return read_intent(volume) is not None
    except DamagedJournal:
        return True


def _prod(
    volume: Volume, ledger: Ledger, adopting: Adopting | None, now: datetime, *, exclusive: bool
) -> tuple[list[Finding], str]:
    """Return what is wrong with ``prod``, and which snapshot is live when that is repaired."""
    prod = volume.prod
    if not is_there(prod):
        return _missing(volume, ledger, adopting)
    if is_folder(prod):
        return _real_directory(volume, ledger, adopting, now, exclusive=exclusive)
    try:
        live = volume.live()
    except Refusal:
        return [], ""  # it leads out of the volume, or to nothing: said by the check of the volume
    if live is None:
        return [], ""
    if not volume.is_spelled():
        found = f"leads to {read_link(prod)}, and so to staging/{live} only where that is its path"
        return [Finding(prod, found, f"point it at staging/{live} by its relative name", RELINK, live)], live
    return [], live


def _missing(volume: Volume, ledger: Ledger, adopting: Adopting | None) -> tuple[list[Finding], str]:
    """Return where ``prod`` is to lead that is not there; nowhere before the first promotion."""
    if adopting is not None and adopting.lies_at(volume.snapshot(adopting.snapshot)):
        found, back = "is missing: a run died while it made a snapshot of it", adopting.snapshot
    else:
        found, back = "is missing: it was removed", ledger.live()
        if not back or not is_data_directory(volume.snapshot(back)) or _journal_is_open(volume):
            return [], ""
    will = f"point it at staging/{back}, which was live"
    return [Finding(volume.prod, found, will, RELINK, back, first=True)], back


def _real_directory(
    volume: Volume, ledger: Ledger, adopting: Adopting | None, now: datetime, *, exclusive: bool
) -> tuple[list[Finding], str]:
    prod = volume.prod
    if is_empty(prod):
        back = ledger.live()
        known = bool(back) and is_data_directory(volume.snapshot(back))
        will = f"point it at staging/{back}, which was live" if known else "take it away"
        found = "is an empty directory, which a container made that met a missing prod"
        users = _stop(occupancy_faults(prod, exclusive=exclusive), [])
        back = back if known else ""
        return [Finding(prod, found, will, DROP, back, users, first=True)], back
    try:
        read_data_directory(prod)
    except Refusal as refusal:
        told = f"is a directory, not a link, and no database that could be adopted ({refusal})"
        return [Finding(prod, told, refused="look into it, and move it away")], ""
    snapshot = adopting.snapshot if adopting is not None and adopting.lies_at(prod) else _free_id(volume, now)
    found = "is a directory, not a link"
    will = f"make it staging/{snapshot} and point prod at that, in one step"
    refused = _stop(occupancy_faults(prod, exclusive=exclusive), use_faults(prod))
    return [Finding(prod, found, will, LINK, snapshot, refused, first=True)], "" if refused else snapshot


def _free_id(volume: Volume, now: datetime) -> str:
    snapshot = new_id(now)
    if is_there(volume.snapshot(snapshot)):
        raise Refusal(f"{volume.snapshot(snapshot)} is there already: run again, a second later")
    return snapshot


def _stop(occupied: list[str], left: list[str]) -> str:
    """Return why a directory cannot be repaired now, with one order for all that stands against it."""
    if not (occupied or left):
        return ""
    facts = [told.partition(";")[0] for told in occupied or left]
    order = "stop it in order" if occupied else "start it once and stop it in order"
    return (
        f"a run repairs it only while production is stopped in order; {order}, then run "
        "playbooks/recover.yml "
        f"({'; '.join(facts)})"
    )


def _directories(volume: Volume) -> list[Path]:
    """Return the data directories of the volume, the live one and those of no whole cluster included."""
    found = [volume.snapshot(name) for name in volume.snapshots()]
    found += [path for path in (volume.ingest, volume.prod) if is_folder(path)]
    return [path for path in found if is_data_directory(path)]


def _marks(volume: Volume) -> list[Finding]:
    found = []
    for path in _directories(volume):
        own, model = status_of(path), status_of(path / "PG_VERSION")
        if own is None or model is None:
            continue  # it went meanwhile
        mode = stat.S_IMODE(own.st_mode)
        wrong = []
        if model.st_uid != 0 and (own.st_uid, own.st_gid) != (model.st_uid, model.st_gid):
            wrong.append(f"belongs to {own.st_uid}:{own.st_gid}, its files to {model.st_uid}:{model.st_gid}")
        if mode not in (0o700, 0o750):
            wrong.append(f"has mode {mode:04o}")
        if wrong:
            told = f"{' and '.join(wrong)}: PostgreSQL does not start on it"
            found.append(Finding(path, told, "give it the owner of its files and their mode", MARKS))
    return found


def _stray_links(volume: Volume) -> list[Finding]:
    """Return the links that ``ln -sf staging/<id> prod`` put into the directory that prod led to."""
    found = []
    for directory in _directories(volume):
        for entry in (directory / name for name in listed(directory) if taken_at(name)):
            if is_link(entry):
                told = (
                    f"is a link inside a data directory: a second ln -sf put it there, and prod was not "
                    f"pointed at {entry.name}"
                )
                found.append(Finding(entry, told, "take the link away", UNLINK))
    return found


def _ingest(volume: Volume) -> list[Finding]:
    ingest = volume.ingest
    if not is_there(ingest):
        if lacks_ingest(volume):
            return []  # the recovery puts it in its place
        return [Finding(ingest, "is missing", "make an empty one", MAKE_INGEST)]
    if not is_folder(ingest) or is_data_directory(ingest):
        return []
    if is_half_emptied(volume):
        found = "was to be emptied after its load was copied, and the run died"
        return [Finding(ingest, found, "empty it", EMPTY)]
    names = sorted(set(listed(ingest)) - _OF_THE_SERVER)
    plain = [name for name in names if not name.startswith(".")]
    if plain:
        told = (
            f"holds {', '.join(plain[:3])}{' and more' if len(plain) > 3 else ''} and no database, and no "
            "server starts on it: where a mv was cut short, move them to the newest directory in staging/, "
            "else away"
        )
        return [Finding(ingest, told)]
    there, root = status_of(ingest), status_of(volume.root)
    movable = there is not None and root is not None and there.st_dev == root.st_dev
    return [_dotfile(ingest / name, movable=movable) for name in names]


def _dotfile(path: Path, *, movable: bool) -> Finding:
    told = "was left by mv, and no cluster is made in a directory that is not empty"
    if path.name.startswith(_KEPT_OPEN):
        return Finding(path, "was deleted while a process had it open: it goes when that process ends")
    if not movable:
        return Finding(path, f"{told}: take it away")
    return Finding(path, told, "move it to .reingest/adopted", SET_ASIDE)


def _staging(volume: Volume, ledger: Ledger, adopting: Adopting | None, live: str) -> list[Finding]:
    """Return what lies in ``staging/`` and is no snapshot."""
    found: list[Finding] = []
    if not is_folder(volume.staging):
        return found
    for entry in (volume.staging / name for name in listed(volume.staging)):
        if entry.name.startswith("."):
            continue
        if is_link(entry):
            if read_link(entry) == f"staging/{entry.name}":
                if adopting is None or not adopting.lies_at(volume.prod):
                    told = "was made ready by a run that died"
                    found.append(Finding(entry, told, "take the link away", UNLINK))
                continue  # else it is exchanged with prod
            told = f"is a link to {read_link(entry)}, which is never followed: move the directory itself here"
            found.append(Finding(entry, told))
        elif taken_at(entry.name) is None:
            told = "is no snapshot: its name is no time such as 20261123T114500Z; rename it, or take it away"
            found.append(Finding(entry, told))
        elif not is_folder(entry):
            found.append(Finding(entry, "is no directory: take it away"))
        elif is_empty(entry):
            found.append(Finding(entry, "is an empty directory", "take it away", DROP))
        elif entry.name != live and not ledger.knows(entry.name) and (missing := missing_parts(entry)):
            told = f"is no whole cluster: {', '.join(missing)} missing"
            found.append(Finding(entry, told, "mark it as bad, and keep it", REJECT, entry.name))
    return found


def missing_parts(directory: Path) -> list[str]:
    """Return what a data directory lacks to be one."""
    return [part for part in _PARTS if not is_there(directory / part)]


def _lines(volume: Volume, ledger: Ledger, live: str) -> list[Finding]:
    """Return what the ledger does not say of the snapshots: oldest first, the live one last."""
    found = []
    others = [name for name in volume.snapshots() if name != live]
    for name in others:
        if not ledger.knows(name) and not missing_parts(volume.snapshot(name)):
            told = "is not in the ledger: reingest did not load it"
            found.append(Finding(volume.snapshot(name), told, "sync it and adopt it", ADOPT, name))
    if live and ledger.live() != live:
        entry = ledger.load(live)
        known = entry is not None and not (entry.detail.get(FOUND_LIVE) and not ledger.was_live(live))
        told = "is live and not in the ledger" if not known else "is live, and the ledger says another one is"
        will = "write down that it is live" if known else "sync it and adopt it as the live one"
        found.append(Finding(volume.snapshot(live), told, will, RECORD if known else ADOPT, live))
    elif live and _adopted_unproven(ledger, live):
        told = "was live when reingest first saw it, and the ledger does not say that it is good"
        found.append(Finding(volume.snapshot(live), told, "adopt it as the live one", ADOPT, live))
    return found


def _adopted_unproven(ledger: Ledger, live: str) -> bool:
    last = ledger.last_live(live)
    if last < 0:
        return False
    return ledger.entries[last].detail.get("kind") == ADOPTED_KIND and not (
        ledger.good(live) or ledger.bad(live)
    )
