"""Plan a load: everything is checked before the first change, and what would be done is decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from ..dataset.model import Dataset, Table
from ..dataset.owners import SOURCE
from ..dataset.parse import parse_dataset
from ..dataset.patterns import expanded, pattern_lines
from ..refusals import Refused
from ..sources.content import suffix
from ..sources.source import Source, SourceFile
from .both_servers import LOAD
from .catalog import TableShape
from .digests import load_digest, load_identity, table_digest
from .fill import CONTENT
from .inputs import check_all_ends, judgements, look, try_out
from .locale import Locale
from .other_reader import check_reader, filled_by
from .provenance import LoadRecord, TableCount, shown_load
from .request import LoadRequest
from .resume import Resumption, plan_resume
from .rows import Feed
from .server import refuse_second_load
from .state import FilledTable, UnresumableError

_EXPANDS = {".gz": 5, ".zst": 5, ".parquet": 4}  # about so many times, unpacked


@dataclass(frozen=True)
class LoadPlan:
    """What a load would do. ``kept`` is the finished load that makes another one needless.

    ``resumed`` is the unfinished load that it goes on with, or ``anew`` says why it does not.
    ``identity`` and ``digests`` are what the next run compares, if this one does not come to its end.
    """

    dataset: Dataset
    action: str
    snapshot: str
    digest: str
    system_identifier: str
    shapes: dict[str, TableShape]
    feeds: tuple[Feed, ...]
    files: tuple[SourceFile, ...]
    schema: str
    transforms: tuple[tuple[Path, str], ...]
    before: LoadRecord | None
    kept: LoadRecord | None
    identity: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)
    resumed: Resumption | None = None
    anew: str = ""
    locale: Locale | None = None  # production's

    @property
    def changed(self) -> bool:
        """Return whether there is anything to load."""
        return self.action == LOAD

    @property
    def release(self) -> str:
        """Return the release that the staging server, or production, has afterwards."""
        return self.kept.release if self.kept else self.dataset.release

    @property
    def filled(self) -> dict[str, FilledTable]:
        """Return the tables that an unfinished load filled and that stay."""
        return self.resumed.tables if self.resumed else {}

    @property
    def unfilled(self) -> tuple[Feed, ...]:
        """Return what is still to be filled."""
        return tuple(feed for feed in self.feeds if feed.table.name not in self.filled)

    def sources_of(self, feed: Feed) -> tuple[SourceFile, ...]:
        """Return a table's sources as they were when the load was planned."""
        return _sources_of(feed, {file.path: file for file in self.files})

    def weight(self, feed: Feed) -> int:
        """Return about how many bytes a table's sources have, unpacked."""
        return sum(file.size * _EXPANDS.get(suffix(file.path), 1) for file in self.sources_of(feed))

    def did(self) -> list[str]:
        """Return what is done, a sentence each."""
        if not self.changed:
            return []
        loads = [
            f"keep {table.name}, loaded by run {self.filled[table.name].run}"
            if table.name in self.filled
            else f"load {table.name} from {', '.join(table.sources)}"
            for table in self.dataset.tables
            if _is_loaded(table)
        ]
        over = [f"start over, not from the unfinished load: {self.anew}"] if self.anew else []
        return [
            *over,
            *pattern_lines(self.dataset),
            *loads,
            *(f"run transform {path.name}" for path, _ in self.transforms),
        ]

    def diff(self) -> dict[str, str]:
        """Return the load in the staging server before and after, as text."""
        if not self.changed:
            return {"before": "", "after": ""}
        tables = "".join(
            f"table {table.name}: {table.owner}{self._shown_filled(table.name)}\n"
            for table in self.dataset.tables
        )
        after = f"staging: release {self.dataset.release}, snapshot {self.snapshot}\n{tables}"
        return {"before": f"staging: {shown_load(self.before)}\n{_shown_tables(self.before)}", "after": after}

    def _shown_filled(self, table: str) -> str:
        return f", kept, loaded by run {self.filled[table].run}" if table in self.filled else ""


def plan_load(request: LoadRequest, *, prove: str = CONTENT) -> LoadPlan:
    """Check the dataset, its files and both servers, and decide what to do; changes nothing.

    Args:
        request: what is asked for.
        prove: how the tables are proven, ``independent``, ``content`` or ``counts``.

    Raises:
        Refusal: anything that would make the load fail and that can be known before it.
    """
    dataset = parse_dataset(request.dataset, sources=request.sources, release=request.release)
    chosen = request.snapshot_id()
    refused = Refused()
    with refused.noted():
        check_reader(prove)
    sources, tried = refused.ask([partial(look, request, dataset), partial(try_out, request, dataset)])
    if sources is not None:
        dataset = replace(dataset, tables=sources.tables)
    if tried is not None:
        refused.ask(judgements(request, dataset, tried, complete=sources is not None))
    refused.tell()
    dataset = expanded(dataset, tried.made.catalog.roots)
    both, shapes, schema, transforms = tried.both, tried.made.tables, tried.schema, tried.transforms
    identified, found = sources.identified, sources.found
    files = tuple(identified.values())
    digest = load_digest(dataset, schema, transforms, files)
    kept, action = both.kept(digest, force=request.force)
    feeds = tuple(_feeds(dataset, shapes, found)) if both.staging else ()
    identity = load_identity(dataset, schema, str(both.locale))
    digests = {
        feed.table.name: table_digest(feed.table, _sources_of(feed, identified), filled_by(prove))
        for feed in feeds
    }
    resumed, anew = None, ""
    if action == LOAD and not request.known:  # else this run has looked at them before
        check_all_ends(filter(_is_loaded, dataset.tables), found)
    if action == LOAD and both.staging:
        refuse_second_load(request.servers.staging_dsn, request.ended)
        resumed, anew = _resumed(request, both.staged, dataset, identity, digests)
    return LoadPlan(
        dataset=dataset,
        action=action,
        snapshot=kept.snapshot if kept else chosen,
        digest=digest,
        system_identifier=both.system_identifier,
        shapes=shapes,
        feeds=feeds,
        files=files,
        schema=schema,
        transforms=transforms,
        before=both.staged,
        kept=kept,
        identity=identity,
        digests=digests,
        resumed=resumed,
        anew=anew,
        locale=both.locale,
    )


def _resumed(
    request: LoadRequest,
    staged: LoadRecord | None,
    dataset: Dataset,
    identity: str,
    digests: Mapping[str, str],
) -> tuple[Resumption | None, str]:
    """Return the unfinished load that is resumed, or why the one that is there is not."""
    if staged is None or staged.finished:
        return None, ""
    if request.force:
        return None, "that is forced"
    try:
        return plan_resume(request.servers.staging_dsn, dataset, identity, digests), ""
    except UnresumableError as reason:
        return None, str(reason)


def planned_tables(plan: LoadPlan, counted: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, Any]]:
    """Return the tables of a result where nothing was loaded now.

    A kept load has its own counts; for one that is only planned, ``counted`` is what ``rehearse`` returned.
    """
    if plan.kept is not None:
        return {name: vars(count) for name, count in plan.kept.tables.items()}
    return {
        table.name: {
            **vars(TableCount(table.owner, 0, 0, 0, 0)),
            **dict.fromkeys(("loaded", "duplicates", "orphans", "rejected")),
            **{
                key: counted.get(table.name, {}).get(key) if _is_loaded(table) else 0
                for key in ("read", "filtered")
            },
        }
        for table in plan.dataset.tables
    }


def _feeds(
    dataset: Dataset, shapes: Mapping[str, TableShape], found: Mapping[str, tuple[Source, ...]]
) -> list[Feed]:
    return [
        Feed(table, shapes[table.name], found[table.name]) for table in dataset.tables if _is_loaded(table)
    ]


def _sources_of(feed: Feed, identified: Mapping[Source, SourceFile]) -> tuple[SourceFile, ...]:
    return tuple(identified[source] for source in feed.files)


def _is_loaded(table: Table) -> bool:
    return table.owner == SOURCE and bool(table.sources)


def _shown_tables(record: LoadRecord | None) -> str:
    return (
        "".join(f"table {name}: {count.owner}\n" for name, count in record.tables.items()) if record else ""
    )
