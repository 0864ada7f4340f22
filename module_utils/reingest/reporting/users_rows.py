"""What a volume knows of users' rows: databases that are fenced, and copies that alone have some."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ..carry.copies import only_places
from ..carry.record import fence_record, fences
from ..disclosure.command_line import accepting
from ..disclosure.printable import printable
from ..errors import Refusal
from ..postgres.control import read_control
from ..volume.layout import Volume
from ..volume.pending_views import pending_here
from ..volume.server_id import server_in


def describe_fences(volume: Volume, there: Sequence[str]) -> list[dict[str, Any]]:
    """Return the fences that are written down; each with its snapshot, empty where none has that server.

    ``load``: whether it is the one that the staging server has.

    Raises:
        Refusal: a record is damaged, or not this account's.
    """
    servers = {}
    for name in there:
        with suppress(Refusal, OSError):  # a damaged one has no server
            servers[read_control(volume.snapshot(name)).system_identifier] = name
    loaded = server_in(volume.ingest)
    records = [fence_record(volume, server).read() for server in fences(volume)]
    return [
        {
            "snapshot": servers.get(one.server, ""),
            "server": one.server,
            "load": one.server == loaded,
            "database": printable(one.database),
            "run": one.run,
            "since": one.since,
        }
        for one in records
        if one is not None
    ]


def describe_copies(volume: Volume) -> list[dict[str, Any]]:
    """Return the copies that are the only place of rows, each with what is in it.

    Raises:
        Refusal: a mark is not this account's.
    """
    found = only_places(volume)
    return [{"run": run, "rows": [printable(row) for row in rows]} for run, rows in found.items()]


def describe_views(volume: Volume) -> list[dict[str, Any]]:
    """Return the materialised views of the live snapshot that a switch left for after its window.

    Raises:
        Refusal: the record is damaged, or not this account's.
    """
    found = pending_here(volume)
    if found is None:
        return []
    return [{"view": printable(name), "run": found.run, "since": found.since} for name in found.views]


def listed_rows(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield lines to print: what is wrong or to be decided, and what a rollback opens by itself."""
    for one in found["fences"]:
        fenced = f"database {one['database']} is fenced since {one['since']} by run {one['run']}"
        if one["snapshot"] and one["snapshot"] == found["live"]:
            ends = (
                "its switch lifts that"
                if found["window"]
                else "nobody gets in: run recover.yml, which lifts it"
            )
            yield f"production: {fenced}: {ends}"
        elif one["snapshot"]:
            yield f"{one['snapshot']}: its {fenced}: a rollback or a promotion to it lifts that"
        elif one["load"]:
            yield f"the load: its {fenced}: the next run, or recover.yml, lifts that"
    for one in found["views"]:
        waits = f"materialised view {one['view']} does not show users' rows yet, since {one['since']}"
        own = found["lock"] is not None and found["lock"]["run"] == one["run"]
        yield f"production: {waits}: {'that run' if own else 'the next run, or recover.yml,'} refreshes it"
    for one in found["copies"]:
        way = accepting([f"copies:{one['run']}"])
        yield (
            f"only .reingest/runs/{one['run']}/carried has these rows of users: {'; '.join(one['rows'])}; "
            f"prune.yml {way} deletes them"
        )
