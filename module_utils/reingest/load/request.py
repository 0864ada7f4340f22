"""What a load is asked for, by whoever loads: reingest itself, or the portal's own loader."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..postgres.patience import patient
from ..volume.snapshot_id import checked, new_id


@dataclass(frozen=True)
class Servers:
    """The two servers of a load, by their connection strings.

    Args:
        staging_dsn: a login that may create databases.
        production_dsn: the server that the portal uses; its database is the dataset's.
        staging_required: false for a dry run that finds the staging server stopped, which the run would
            start: the schema cannot be tried then, and the plan has no feeds.
        staging_given_up: true where the load starts over with an empty staging server: it is not asked.
        production_required: false for the first ingest, when production need not answer or be named.
    """

    staging_dsn: str
    production_dsn: str = ""
    staging_required: bool = True
    staging_given_up: bool = False
    production_required: bool = True


@dataclass(frozen=True)
class LoadRequest:
    """What is loaded, and where.

    Args:
        dataset: dataset.yml.
        servers: the servers.
        release: another name of the release than the dataset's.
        sources: another folder of sources than the dataset's.
        roots: further folders where sources may lie.
        snapshot: the id of the load; a new one when empty.
        known: the sources as this run's plan found them; they are not read again for their digests.
        force: load although this was loaded already, and from the beginning.
        ended: runs whose loads are ended before this one begins, if they are not yet.
        run: the run's id, by which its database to try the schema in is called; a new one when empty.
        dry: nothing may be made in the staging server, not even that database.
    """

    dataset: Path
    servers: Servers
    release: str = ""
    sources: str = ""
    roots: Sequence[Path] = ()
    snapshot: str = ""
    known: Sequence[Mapping[str, Any]] = ()
    force: bool = False
    ended: Collection[str] = ()
    run: str = ""
    dry: bool = False

    def patient(self) -> LoadRequest:
        """Return the request with a staging server whose sessions no timeout ends."""
        servers = replace(self.servers, staging_dsn=patient(self.servers.staging_dsn))
        return replace(self, servers=servers)

    def snapshot_id(self) -> str:
        """Return the id of the load.

        Raises:
            Refusal: the one that was asked for is none.
        """
        return checked(self.snapshot) if self.snapshot else new_id()
