"""Whether the volume, and both clusters on it, are as the load and its promotion will need them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial

from ..errors import texts_of
from ..fs.no_follow import status_of
from ..fs.sizes import free_bytes
from ..postgres.datadir import is_data_directory, read_data_directory, structure_faults, version_faults
from ..promotion.candidate import live_directory
from ..promotion.movable import probe_rename
from ..refusals import Refused
from ..retention.space import plan_room
from ..staging.settings import plan_load_settings
from ..volume.layout import Volume
from .found import Found


@dataclass(frozen=True)
class Load:
    """The load that is to come.

    ``copies``: where it cannot be renamed it is copied. ``settings``: the staging server gets settings of
    its own while it is loaded, without ``autovacuum``. ``keep``, ``keep_days`` and ``min_free`` (bytes) are
    the rules by which room is made for it.
    """

    keep: int
    keep_days: int
    min_free: int
    copies: bool = False
    settings: bool = True
    autovacuum: bool = False


def check_volume(
    volume: Volume, live: str, load: Load, *, exclusive: bool = False, dry: bool = False
) -> list[Found]:
    """Try what a load and its promotion will do on the volume; nothing stays changed.

    Args:
        volume: the volume.
        live: the snapshot that is live; empty: none is.
        load: the load.
        exclusive: whether the directories are declared to be nobody else's, where that cannot be seen.
        dry: check mode: nothing is tried out.
    """
    refused = Refused()
    found = refused.ask([partial(_clusters, volume, live)])
    with refused.noted():
        plan_room(
            volume,
            keep=load.keep,
            keep_days=load.keep_days,
            min_free=load.min_free,
            free=free_bytes(volume.root),
            now=datetime.now(timezone.utc),
            exclusive=exclusive,
        )
    with refused.noted():
        if not dry and not load.copies:
            probe_rename(volume)
    with refused.noted():
        if load.settings and is_data_directory(volume.ingest):
            plan_load_settings(volume, autovacuum=load.autovacuum, dry=dry)
    texts = [text for faults in found for text in faults or ()]
    texts += [text for refusal in refused.found for text in texts_of(refusal)]
    return list(map(Found, dict.fromkeys(texts)))


def _clusters(volume: Volume, live: str) -> list[str]:
    """Return why what is in ``ingest/`` could not take production's place: modes, owners, versions."""
    if not is_data_directory(volume.ingest):
        return []  # its server makes one
    faults = structure_faults(volume.ingest)
    faults += version_faults(read_data_directory(volume.ingest), live_directory(volume, live))
    there = status_of(volume.snapshot(live)) if live else None
    here = status_of(volume.ingest)
    if there is not None and here is not None and there.st_uid != here.st_uid:
        faults.append(
            f"{volume.ingest} belongs to uid {here.st_uid}, production to uid {there.st_uid}: production's "
            "server could not read what is loaded; run both servers from one image, under one account"
        )
    return faults


def check_rights(logins: Sequence[str], databases: Collection[str]) -> list[Found]:
    """Log in to both servers as the carrying of users' rows will, and look at the databases it takes whole.

    Args:
        logins: production's connection string, and the staging server's where it runs.
        databases: the other databases of production that are carried whole.
    """
    from ..carry.fence import control_session

    refused = Refused()
    for session in refused.ask([partial(control_session, login) for login in logins]):
        if session is not None:
            session.close()
    if databases and not refused.found:
        from ..carry.survey_databases import survey_databases
        from ..load.script import refused as told

        with (
            refused.noted(),
            told("looking at other databases", "production"),
            closing(control_session(logins[0])) as control,
        ):
            survey_databases(control, logins[0], list(databases), serves=None, strict=True)
    return [Found(text) for refusal in refused.found for text in texts_of(refusal)]
