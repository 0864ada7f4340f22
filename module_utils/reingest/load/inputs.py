"""What a load is made from, looked at before it: sources, scripts, both servers, what the schema makes.

What can be asked side by side is, and all that is wrong is reported at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Callable

from ..dataset.model import ELEMENT, Column, Dataset, Table
from ..errors import Refusal
from ..refusals import Refused
from ..sources.ends import check_ends
from ..sources.files import find_sources, identify, known_sources
from ..sources.reader import read_fields
from ..sources.source import Source, SourceFile
from .both_servers import BothServers, inspect_servers
from .request import LoadRequest
from .schema_match import check_table
from .schema_trial import Made, check_ownership, try_schema
from .script import read_script


@dataclass(frozen=True)
class Sources:
    """The dataset's sources, and its tables with the columns that they name."""

    tables: tuple[Table, ...]
    found: Mapping[str, tuple[Source, ...]]
    identified: Mapping[Source, SourceFile]


@dataclass(frozen=True)
class Tried:
    """Both servers, the scripts, and what the schema makes."""

    both: BothServers
    schema: str
    transforms: tuple[tuple[Path, str], ...]
    made: Made


def look(request: LoadRequest, dataset: Dataset) -> Sources:
    """Find the sources, and read what identifies them.

    Raises:
        Refusal: with each that is not there, or has not the fields that the dataset names.
    """

    def one(table: Table) -> tuple[Table, tuple[Source, ...]]:
        files = find_sources(table.sources, table.reading, dataset.sources, request.roots)
        return _with_columns(table, files), files

    refused = Refused()
    looked = refused.ask([partial(one, table) for table in dataset.tables])
    refused.tell()
    found = {table.name: files for table, files in looked}
    paths = (path for files in found.values() for path in files)
    identified = identify(paths, dataset.sources, known_sources(request.known))
    return Sources(tuple(table for table, _ in looked), found, identified)


def try_out(request: LoadRequest, dataset: Dataset) -> Tried:
    """Read the scripts, look at both servers, and try the schema, where the staging server answers.

    Raises:
        Refusal: with all that is wrong.
    """
    refused = Refused()
    scripts = [partial(read_script, dataset.schema, "the schema")]
    scripts += [partial(read_script, path, "the transform") for path in dataset.transforms]
    both, schema, *transforms = refused.ask(
        [partial(inspect_servers, request.servers, dataset.database), *scripts]
    )
    refused.tell()
    made = try_schema(request, dataset, schema, both)
    return Tried(both, schema, tuple(zip(dataset.transforms, transforms)), made)


def judgements(
    request: LoadRequest, dataset: Dataset, tried: Tried, *, complete: bool
) -> list[Callable[[], object]]:
    """Return what judges the tables that the schema makes; ``complete``: the dataset has its columns."""
    servers, both, made = request.servers, tried.both, tried.made
    asked: list[Callable[[], object]] = [
        partial(check_ownership, dataset, servers, both, made, loads=complete)
    ]
    if both.staging and not made.untried:
        asked.append(partial(_check_views, dataset, made))
        asked += [partial(check_table, dataset, table, made.tables) for table in dataset.tables if complete]
    return [*asked]


def _check_views(dataset: Dataset, made: Made) -> None:
    missing = sorted(dataset.views - made.views)
    if missing and not dataset.transforms:  # a transform may make them
        raise Refusal(
            f"the schema makes no materialised view {', '.join(missing)}: correct `views:` in {dataset.file}"
        )


def check_all_ends(tables: Iterable[Table], found: Mapping[str, tuple[Source, ...]]) -> None:
    """Refuse sources whose first or last record cannot be read.

    Raises:
        Refusal: with each of them.
    """
    refused = Refused()
    refused.ask(
        [
            partial(check_ends, table.reading, source, bad_rows=table.quarantines)
            for table in tables
            for source in found[table.name]
        ]
    )
    refused.tell()


def _with_columns(table: Table, files: tuple[Source, ...]) -> Table:
    """Return the table with the columns that its fields name, where the dataset leaves them out."""
    if table.sources and not files and not table.columns:
        raise Refusal(
            f"table {table.name}: all its files are empty, and none names the fields: name `columns:`"
        )
    headers = {path: fields for path in files if (fields := read_fields(table.reading, path)) is not None}
    if not headers:
        return table
    first = next(iter(headers.values()))
    for path, header in headers.items():
        if not table.columns and set(header) != set(first):
            raise Refusal(f"table {table.name}: {path} has other fields than {files[0]}: name the `columns:`")
        needed = {
            f"column {column.name}": column.paths
            for column in table.columns
            if not column.is_rest and not column.is_constant and not column.optional
        }
        needed.update({f"where {condition.path}": (condition.path,) for condition in table.where})
        for what, paths in needed.items():
            if not _fields_of(paths, typed=table.typed) & {*header, ELEMENT}:
                raise Refusal(
                    f"table {table.name}, {what}: {path} has no field {' or '.join(paths)}; "
                    f"the fields there are {', '.join(header)}"
                )
    return table if table.columns else replace(table, columns=tuple(Column(name, (name,)) for name in first))


def _fields_of(paths: tuple[str, ...], *, typed: bool) -> set[str]:
    """Return the fields that paths begin with; one inside the element of `each:` begins with none."""
    if not typed:
        return set(paths)
    return {ELEMENT if path.startswith(ELEMENT) else path.split(".")[0] for path in paths}
