"""Plan a load by the portal's own loader: everything is checked first, and whether it must run is decided."""

from __future__ import annotations

import glob
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from ..dataset.model import NO_SCHEMA, Dataset
from ..dataset.parse import parse_dataset
from ..dataset.patterns import expanded, pattern_lines
from ..errors import Refusal
from ..load.both_servers import LOAD, BothServers, inspect_servers
from ..load.locale import Locale
from ..load.provenance import LoadRecord, TableCount, shown_load
from ..load.request import LoadRequest, Servers
from ..load.schema_trial import Made, check_ownership, try_schema
from ..load.script import read_script
from ..load.server import refuse_second_load
from ..postgres.dsn import address
from ..refusals import Refused
from ..sources.files import find_sources, identify, known_sources
from ..sources.place import check_place
from ..sources.source import Source, SourceFile
from .cleanup import Cleanup
from .log import LoaderLog

_DRIVER = re.compile(r"^(postgres(?:ql)?)\+\w+(?=://)")  # SQLAlchemy's: postgresql+psycopg2://


class Loader(Protocol):
    """What fills the staging server: a command or a job."""

    @property
    def name(self) -> str:
        """Return what it is called in sentences."""

    @property
    def values(self) -> Mapping[str, str]:
        """Return what must not be shown, by name."""

    def check(self, secrets: Mapping[str, str]) -> None:
        """Refuse what cannot be run; starts nothing."""

    def run(self, log: LoaderLog, *, closed: Sequence[int] = ()) -> None:
        """Run it to its end; refuse when it failed."""


@dataclass(frozen=True)
class Making:
    """What the loader finds when it runs, and what it reads beside the dataset's sources.

    Args:
        files: paths and globs of its sources below the folder of sources; they are part of the digest.
        fresh: the database is dropped and made anew before it runs.
        apply_schema: the dataset's schema, where it has one, is applied before it runs.
        cleanup: what puts right what a loader leaves that was ended.
    """

    files: Sequence[str] = ()
    fresh: bool = True
    apply_schema: bool = True
    cleanup: Cleanup | None = None


MAKING = Making()


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
    locale: Locale | None = None  # production's

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
        then = (
            "its database is dropped and made anew" if self.fresh else "the loader works on in its database"
        )
        return f"the staging server holds {shown_load(self.before)}: {then}"

    def reads_nothing_live(self, dsn: str) -> str:
        """Return what to know of a first load by a loader that is given production; empty in any other case.

        Args:
            dsn: production's connection string, where nothing was ever promoted; else empty.
        """
        given = [name for name, value in self.loader.values.items() if dsn and _same_server(value, dsn)]
        if not self.changed or not given:
            return ""
        return (
            f"the loader is given production ({', '.join(given)}), and nothing is live yet: where it reads "
            "or "
            "locks there, this first load fails; let it do without, or point it at an empty server until then"
        )

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
            *pattern_lines(self.dataset),
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
    request: LoadRequest, loader: Loader, making: Making = MAKING, *, secrets: Mapping[str, str] | None = None
) -> LoaderPlan:
    """Check the dataset, the loader and both servers, and decide whether it must run; changes nothing.

    Args:
        request: what is asked for. Its dataset's tables need owners and no `from:`; its release is what the
            loader loads: the same release twice is the same load.
        loader: what to run.
        making: what it finds when it runs.
        secrets: what must not be shown, from ``named_secrets``.

    Raises:
        Refusal: anything that would make the load fail and that can be known before it.
    """
    if not request.release:
        raise Refusal(
            "the portal's own loader does not tell what it loads: name the release (-e reingest_release=...)"
        )
    dataset = parse_dataset(
        request.dataset, sources=request.sources, release=request.release, loaded_elsewhere=True
    )
    chosen = request.snapshot_id()
    has_schema = making.apply_schema and dataset.schema != NO_SCHEMA
    refused = Refused()
    _, _, found, both, schema, *texts = refused.ask(
        [
            partial(loader.check, secrets or {}),
            partial(making.cleanup.check, secrets or {}) if making.cleanup else str,
            partial(_sources, dataset, making.files, request.roots),
            partial(inspect_servers, request.servers, dataset.database),
            partial(read_script, dataset.schema, "the schema") if has_schema else str,
            *(partial(read_script, path, "the transform") for path in dataset.transforms),
        ]
    )
    if both is not None and schema is not None:
        with refused.noted():
            dataset = _check_databases(request.servers, both, dataset, schema, fresh=making.fresh)
    refused.tell()
    transforms = tuple(zip(dataset.transforms, texts))
    identified = tuple(identify(found, dataset.sources, known_sources(request.known)).values())
    digest = _digest(dataset, schema, transforms, identified)
    kept, action = both.kept(digest, force=request.force)
    if action == LOAD and both.staging:
        refuse_second_load(request.servers.staging_dsn, request.ended)
    return LoaderPlan(
        dataset=dataset,
        loader=loader,
        action=action,
        snapshot=kept.snapshot if kept else chosen,
        digest=digest,
        system_identifier=both.system_identifier,
        files=identified,
        schema=schema,
        transforms=transforms,
        fresh=making.fresh,
        before=both.staged,
        kept=kept,
        locale=both.locale,
    )


def _check_databases(
    servers: Servers, both: BothServers, dataset: Dataset, schema: str, *, fresh: bool
) -> Dataset:
    """Refuse a staging server without its database, and tables that nobody owns.

    What the loader makes by itself is judged when it is there, by the verification.

    Returns:
        The dataset with the tables that its patterns take.
    """
    if both.staging and not fresh and not both.staging.has_database:
        raise Refusal(
            f"staging ({address(servers.staging_dsn)}) has no database {dataset.database}: create it, or let "
            "it be made (fresh: true)"
        )
    tried = both.staging and schema and fresh
    made = try_schema(servers.staging_dsn, dataset, schema, roles=both.roles) if tried else Made()
    live = check_ownership(dataset, servers, both, made, loads=False)
    return expanded(dataset, (*made.catalog.roots, *live.roots))


def _sources(dataset: Dataset, files: Sequence[str], roots: Sequence[Path]) -> list[Source]:
    """Return the sources of the dataset's tables, and those that only the loader knows of."""
    found = [
        path
        for table in dataset.tables
        for path in find_sources(table.sources, table.reading, dataset.sources, roots)
    ]
    return [*found, *(path for pattern in files for path in _find(pattern, dataset.sources, roots))]


def _find(pattern: str, folder: Path, roots: Sequence[Path]) -> list[Source]:
    """Return the files of a path or glob."""
    names = glob.glob(str(folder / pattern), recursive=True)  # noqa: PTH207 - patterns may be absolute
    found = sorted(path for path in map(Path, names) if not path.is_dir())
    for path in found:
        check_place(path, folder, roots)
    if not found:
        raise Refusal(
            f"the loader's source {folder / pattern} does not exist: put the file there, or correct `files:`"
        )
    return [*found]


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


def _same_server(value: str, dsn: str) -> bool:
    """Return whether a value is a connection string of the same server."""
    try:
        return "://" in value and address(_DRIVER.sub(r"\1", value)) == address(dsn)
    except Refusal:
        return False


def _listed(tables: Mapping[str, Any]) -> str:
    return "".join(f"table {name}: {table.owner}\n" for name, table in tables.items())
