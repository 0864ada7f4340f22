"""Plan a load by the portal's own loader: everything is checked first, and whether it must run is decided."""

from __future__ import annotations

import glob
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ..dataset.model import NO_SCHEMA, OWNERS, Dataset
from ..dataset.parse import parse_dataset
from ..errors import Refusal
from ..load.plan import KEEP_LIVE, KEEP_STAGED, LOAD, schema_tables, shown_load
from ..load.provenance import LoadRecord, TableCount
from ..load.script import read_script
from ..load.server import Server, inspect_production, inspect_staging, refuse_second_load
from ..postgres.dsn import address
from ..sources.files import find_sources, identify, known_sources
from ..sources.source import SourceFile
from ..volume.snapshot_id import checked, new_id
from .log import LoaderLog


class Loader(Protocol):
    """What fills the staging server: a command or a job."""

    @property
    def name(self) -> str:
        """Return what it is called in sentences."""

    @property
    def values(self) -> tuple[str, ...]:
        """Return what must not be shown."""

    def check(self, secrets: Sequence[str]) -> None:
        """Refuse what cannot be run; starts nothing."""

    def run(self, log: LoaderLog, *, closed: Sequence[int] = ()) -> None:
        """Run it to its end; refuse when it failed."""


@dataclass(frozen=True)
class LoaderPlan:
    """What a load by the portal's own loader would do; ``kept`` is the load that makes it needless."""

    dataset: Dataset
    loader: Loader
    action: str
    snapshot: str
    digest: str
    system_identifier: str
    files: tuple[SourceFile, ...]
    schema: str
    transforms: tuple[tuple[Path, str], ...]
    fresh: bool
    before: LoadRecord | None
    kept: LoadRecord | None

    @property
    def changed(self) -> bool:
        """Return whether the loader must run."""
        return self.action == LOAD

    @property
    def release(self) -> str:
        """Return the release that the staging server, or production, has afterwards."""
        return self.kept.release if self.kept else self.dataset.release

    @property
    def warning(self) -> str:
        """Return what an operator should know of the load that is replaced; empty when there is nothing."""
        if not self.changed or self.before is None or self.before.finished:
            return ""
        then = "its database is dropped and made anew" if self.fresh else "the loader goes on in its database"
        return f"the staging server holds {shown_load(self.before)}: {then}"

    def did(self) -> list[str]:
        """Return what is done, a sentence each."""
        if not self.changed:
            return []
        name = self.dataset.database
        return [
            *([f"make database {name} anew in the staging server"] if self.fresh else []),
            *([f"apply schema {self.dataset.schema.name}"] if self.schema else []),
            f"have {self.loader.name} load release {self.dataset.release}",
            *(f"run transform {path.name}" for path, _ in self.transforms),
            *(f"count table {table.name}" for table in self.dataset.tables),
        ]

    def diff(self) -> dict[str, str]:
        """Return the load in the staging server before and after, as text."""
        if not self.changed:
            return {"before": "", "after": ""}
        before = self.before.tables if self.before else {}
        return {
            "before": f"staging: {shown_load(self.before)}\n{_listed(before)}",
            "after": f"staging: release {self.dataset.release}, snapshot {self.snapshot}\n"
            + _listed({table.name: table for table in self.dataset.tables}),
        }

    def planned_tables(self) -> dict[str, dict[str, Any]]:
        """Return the tables of a result where nothing was loaded: a kept load's own counts, or none yet."""
        if self.kept is not None:
            return {name: vars(count) for name, count in self.kept.tables.items()}
        return {
            table.name: {
                key: table.owner if key == "owner" else None
                for key in vars(TableCount(owner=table.owner, read=0, loaded=0, duplicates=0, orphans=0))
            }
            for table in self.dataset.tables
        }


def plan_loader(
    dataset_file: Path,
    loader: Loader,
    *,
    staging_dsn: str,
    release: str,
    secrets: Sequence[str] = (),
    production_dsn: str = "",
    production_required: bool = True,
    staging_required: bool = True,
    sources: str = "",
    files: Sequence[str] = (),
    snapshot: str = "",
    known: Sequence[Mapping[str, Any]] = (),
    force: bool = False,
    fresh: bool = True,
    apply_schema: bool = True,
    ended: Sequence[str] = (),
) -> LoaderPlan:
    """Check the dataset, the loader and both servers, and decide whether it must run; changes nothing.

    Args:
        dataset_file: dataset.yml; its tables need owners and no `from:`.
        loader: what to run.
        staging_dsn: a login that may create databases.
        release: what the loader is told to load: the same release twice is the same load.
        secrets: what must not be shown, from ``secret_texts``.
        production_dsn: the server that the portal uses.
        production_required: false for the first ingest.
        staging_required: false for a dry run that finds the staging server stopped.
        sources: another folder of sources than the dataset's.
        files: paths and globs of the loader's sources below that folder; they are part of the digest.
        snapshot: the id of the load; a new one when empty.
        known: the sources as this run's plan found them; they are not read again for their digests.
        force: load although this release was loaded already.
        fresh: the database is dropped and made anew before the loader runs.
        apply_schema: the dataset's schema, where it has one, is applied before the loader runs.
        ended: runs whose loads are ended before this one begins, if they are not yet.

    Raises:
        Refusal: anything that would make the load fail and that can be known before it.
    """
    if not release:
        raise Refusal(
            "the portal's own loader does not tell what it loads: name the release (-e reingest_release=...)"
        )
    dataset = parse_dataset(dataset_file, sources=sources, release=release, loaded_elsewhere=True)
    loader.check(secrets)
    chosen = checked(snapshot) if snapshot else new_id()
    schema = read_script(dataset.schema, "the schema") if apply_schema and dataset.schema != NO_SCHEMA else ""
    transforms = tuple((path, read_script(path, "the transform")) for path in dataset.transforms)
    found = [
        path
        for table in dataset.tables
        for path in find_sources(table.sources, table.reading, dataset.sources)
    ]
    found += [path for pattern in files for path in _find(pattern, dataset.sources)]
    staging = inspect_staging(staging_dsn, dataset.database, required=staging_required)
    production = inspect_production(production_dsn, dataset.database, required=production_required)
    if staging and production and production.system_identifier == staging.system_identifier:
        raise Refusal(
            f"staging ({address(staging_dsn)}) and production ({address(production_dsn)}) are the same "
            f"server, system identifier {staging.system_identifier}: a load replaces its database; name two"
        )
    if staging and not fresh and not staging.has_database:
        raise Refusal(
            f"staging ({address(staging_dsn)}) has no database {dataset.database}: create it, or let it be "
            "made (fresh: true)"
        )
    if production:
        check_owned(dataset, production.tables, "production")
    if staging and schema and fresh:
        check_owned(dataset, schema_tables(staging_dsn, dataset, schema), f"the schema {dataset.schema.name}")
    identified = tuple(identify(found, dataset.sources, known_sources(known)).values())
    digest = _digest(dataset, schema, transforms, identified)
    kept, action = _kept(digest, production, staging, force=force)
    if action == LOAD and staging:
        refuse_second_load(staging_dsn, ended)
    return LoaderPlan(
        dataset=dataset,
        loader=loader,
        action=action,
        snapshot=kept.snapshot if kept else chosen,
        digest=digest,
        system_identifier=staging.system_identifier if staging else "",
        files=identified,
        schema=schema,
        transforms=transforms,
        fresh=fresh,
        before=staging.record if staging else None,
        kept=kept,
    )


def check_owned(dataset: Dataset, tables: Collection[str], where: str) -> None:
    """Refuse a table that the dataset does not name.

    Raises:
        Refusal: with the line to add.
    """
    for name in tables:
        if dataset.table(name) is None:
            line = f"{name}: {{owner: {'|'.join(OWNERS)}}}"
            raise Refusal(
                f"table {name} of {where} has no owner in {dataset.file}: add `{line}` under `tables:`"
            )


def _find(pattern: str, folder: Path) -> list[Path]:
    """Return the files of a path or glob."""
    names = glob.glob(str(folder / pattern), recursive=True)  # noqa: PTH207 - patterns may be absolute
    found = sorted(path for path in map(Path, names) if path.is_file())
    if not found:
        raise Refusal(
            f"the loader's source {folder / pattern} does not exist: put the file there, or correct `files:`"
        )
    return found


def _kept(
    digest: str, production: Server | None, staging: Server | None, *, force: bool
) -> tuple[LoadRecord | None, str]:
    """Return the finished load that makes this one needless, and the action."""
    for server, keep in ((production, KEEP_LIVE), (staging, KEEP_STAGED)):
        record = server.record if server and not force else None
        if record is not None and record.finished and record.digest == digest:
            return record, keep
    return None, LOAD


def _digest(
    dataset: Dataset, schema: str, transforms: Sequence[tuple[Path, str]], files: Sequence[SourceFile]
) -> str:
    """Return one hash of all that is known to decide what the loader makes."""
    parts = [
        ["dataset", dataset.file.read_text(encoding="utf-8")],
        ["release of the portal's own loader", dataset.release],
        ["schema", schema],
        *(["transform", path.name, text] for path, text in transforms),
        *(["source", file.name, file.sha256] for file in files),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _listed(tables: Mapping[str, Any]) -> str:
    return "".join(f"table {name}: {table.owner}\n" for name, table in tables.items())
