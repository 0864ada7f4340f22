"""What the volume knows of fences and of carried rows, whatever becomes of the run that made them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from ..fs.durable import make_own_directory, unlink
from ..fs.durable_record import DurableRecord
from ..fs.no_follow import is_folder, listed
from ..fs.record_values import MaybeRunId, RunId, Time, record_from
from ..postgres.control import is_lsn
from ..volume.layout import Volume
from ..volume.server_id import is_identifier, server_in
from .unit import Counter, Terms, Unit

_VERSION = 1
ONLY_PLACE = "only-place"  # a mark in a folder of carried rows: some of them are nowhere else
_FOLDER, _CARRIED, _MANIFEST = "fenced", "carried", "manifest.json"


def hidden_name() -> str:
    """Return a name for a database that nobody can guess."""
    return f"reingest_{secrets.token_hex(16)}"


def _is_hidden(text: str) -> bool:
    return re.fullmatch(r"reingest_[0-9a-f]{32}", text) is not None


def _is_hidden_or_none(text: str) -> bool:
    return not text or _is_hidden(text)


def _is_place(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,10}/[0-9]{1,10}/[0-9]{1,10}", text) is not None


def _is_relation(names: tuple[str, ...]) -> bool:
    return len(names) == len(("schema", "name"))


def _is_file_name(text: str) -> bool:
    return text.isalnum() and text.isascii()


@dataclass(frozen=True)
class OtherFence:
    """Another database of the server, which is fenced with the portal's."""

    name: str
    hidden: Annotated[str, _is_hidden_or_none]  # the name it has while it is dumped; empty: it is not


def fences_of(names: Collection[str]) -> tuple[OtherFence, ...]:
    """Return how other databases are written down before they are fenced."""
    return tuple(OtherFence(name, hidden_name()) for name in names)


@dataclass(frozen=True)
class Fenced:
    """A database that is fenced, or about to be, on its server's disk."""

    run: RunId
    server: Annotated[str, is_identifier]  # the system identifier
    database: str
    since: Time
    # The name it has while rows are put into it: nobody knows it, so nobody comes in. Empty: its own.
    hidden: Annotated[str, _is_hidden_or_none] = ""
    taken: MaybeRunId = ""  # which rows were taken under this fence: they hold as long as it does
    carried: MaybeRunId = ""  # which rows the database is to get before it is opened; empty: none
    databases: tuple[OtherFence, ...] = ()  # the others that are carried whole
    # Fenced as a load, in the staging server: it never served, and its own dataset says what it is to get.
    load: bool = False
    portal: Mapping[str, Terms] = field(default_factory=dict)  # of a load: its portal-owned tables
    version: int = _VERSION

    @property
    def called(self) -> str:
        """Return what a message says of the fenced databases."""
        return "the load" if self.load else "the earlier snapshot"


@dataclass(frozen=True)
class CarriedUnit:
    """The rows of one relation, as they lie in a file beside the manifest."""

    table: str
    orphans: str
    schema: str
    relation: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    binary: bool
    from_partitions: bool
    above: tuple[Annotated[tuple[str, ...], _is_relation], ...]
    file: Annotated[str, _is_file_name]
    large_objects: tuple[str, ...] = ()

    @property
    def unit(self) -> Unit:
        """Return the unit whose rows they are, as it would be put where they were taken."""
        where = (self.schema, self.relation)
        return Unit(
            self.table,
            self.orphans,
            where,
            tuple((schema, name) for schema, name in self.above),
            where,
            self.columns,
            self.types,
            self.binary,
            self.from_partitions,
            self.from_partitions,
            self.large_objects,
        )


def carried_units(files: Mapping[Unit, str]) -> tuple[CarriedUnit, ...]:
    """Return units and their files as a manifest has them."""
    return tuple(
        CarriedUnit(
            unit.table,
            unit.orphans,
            *unit.source,
            unit.columns,
            unit.types,
            unit.binary,
            unit.from_partitions,
            unit.above,
            file,
            unit.large_objects,
        )
        for unit, file in files.items()
    )


@dataclass(frozen=True)
class TableSum:
    """What all rows of a table sum up to, those in quarantine included."""

    rows: int
    total: str  # a whole number, which may be longer than 64 bits


@dataclass(frozen=True)
class Stored:
    """A relation as the WAL names it: tablespace, database and file."""

    table: str  # the portal-owned table whose rows it holds
    place: Annotated[str, _is_place]
    logged: bool  # whether the WAL has what changes its rows


@dataclass(frozen=True)
class CarriedDatabase:
    """Another database, as it lies in an archive beside the manifest."""

    name: str
    archived: Annotated[str, _is_hidden]  # its name in the archive, under which it is made again
    file: Annotated[str, _is_file_name]
    sums: Mapping[str, TableSum]  # of its tables, its sequences and its large objects


@dataclass(frozen=True)
class Carried:
    """The rows that a run took, with what they must sum up to wherever they are put."""

    run: RunId
    server: Annotated[str, is_identifier]  # where they were taken
    database: str
    at: Time
    xmax: Annotated[
        str, is_identifier
    ]  # under the fence: no transaction that wrote has this number or a higher one
    lsn: Annotated[str, is_lsn]  # and of what the WAL has from here on nothing was taken
    units: tuple[CarriedUnit, ...]
    sums: Mapping[str, TableSum]
    counters: tuple[Counter, ...]
    large_objects: TableSum = TableSum(0, "0")  # of all that the rows name
    stored: tuple[Stored, ...] = ()  # where the rows lie on the server's disk
    databases: tuple[CarriedDatabase, ...] = ()
    version: int = _VERSION


def fence_record(volume: Volume, server: str) -> DurableRecord[Fenced]:
    """Return the record of the fence on a server's disk."""
    path = volume.records / _FOLDER / f"{server if is_identifier(server) else 'none'}.json"
    return DurableRecord(
        path,
        lambda raw: record_from(Fenced, raw),
        _VERSION,
        called="the record of a fence",
        if_damaged=": open the database yourself (ALTER DATABASE ... ALLOW_CONNECTIONS true), then delete it",
    )


def fence_in(volume: Volume, directory: Path) -> Fenced | None:
    """Return the fence of a data directory, as it is written down; None where it has none.

    Raises:
        Refusal: the record is damaged, or not this account's.
    """
    server = server_in(directory)
    return fence_record(volume, server).read() if server else None


def fences(volume: Volume) -> list[str]:
    """Return the system identifiers of the servers that have a record of a fence."""
    folder = volume.records / _FOLDER
    names = listed(folder) if is_folder(folder) else []
    return sorted(name[:-5] for name in names if name.endswith(".json") and is_identifier(name[:-5]))


def write_fence(volume: Volume, fenced: Fenced) -> None:
    """Write down that a database is about to be fenced, or renamed, before it is."""
    make_own_directory(volume.records)
    make_own_directory(volume.records / _FOLDER)
    fence_record(volume, fenced.server).write(fenced)


def carried_folder(volume: Volume, run: str) -> Path:
    """Return where the rows lie that a run took."""
    return volume.run(run) / _CARRIED


def empty_carried_folder(volume: Volume, run: str) -> Path:
    """Make that folder, for this account alone; what an earlier attempt of the run left goes away."""
    folder = carried_folder(volume, run)
    for path in (volume.records, volume.records / "runs", volume.run(run), folder):
        make_own_directory(path)
    for name in listed(folder):
        unlink(folder / name)
    return folder


def carried_record(volume: Volume, run: str) -> DurableRecord[Carried]:
    """Return the manifest of the rows that a run took."""
    return DurableRecord(
        carried_folder(volume, run) / _MANIFEST,
        lambda raw: record_from(Carried, raw),
        _VERSION,
        called="the manifest of carried rows",
        if_damaged=": it was changed by something else than reingest",
    )
