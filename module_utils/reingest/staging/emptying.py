"""Empty an ``ingest/`` that is a mount of its own: its content goes, the mount stays.

PostgreSQL makes a new cluster only in a directory with nothing in it at all; a name with a dot counts too. So
what a kill leaves here can only keep the staging server from starting, never start it on half a cluster.
"""

from __future__ import annotations

from ..errors import Refusal
from ..fs.durable import make_own_directory, remove_empty, sync_directory, unlink
from ..fs.no_follow import is_folder, is_there, listed
from ..fs.removal import remove_tree
from ..fs.rename import rename
from ..volume.layout import Volume

_GONE = ".reingest-gone"
_FIRST = "PG_VERSION"  # by this an entrypoint tells a cluster from a place for a new one
_OF_THE_MOUNT = "lost+found"


def is_half_emptied(volume: Volume) -> bool:
    """Return whether a run died while it emptied ``ingest/``, and what is left there is no cluster."""
    return is_folder(volume.ingest / _GONE) and not is_there(volume.ingest / _FIRST)


def give_up_emptying(volume: Volume) -> None:
    """Take away what a run left that died before it took anything out of ``ingest/``."""
    if is_folder(volume.ingest / _GONE):
        remove_empty(volume.ingest / _GONE)


def empty_ingest(volume: Volume) -> None:
    """Take everything in ``ingest/`` out of its place, durably, then delete it; resumed after a kill.

    Raises:
        Refusal: something cannot be deleted; the next run goes on.
    """
    gone = volume.ingest / _GONE
    if not is_folder(gone):
        unlink(gone)  # a link, or a file, that the servers' account put there
        make_own_directory(gone)
    names = sorted(listed(volume.ingest), key=lambda name: name != _FIRST)
    for name in names:
        if name in (_GONE, _OF_THE_MOUNT):
            continue
        if name == _FIRST:
            rename(volume.ingest / name, gone / name)
            sync_directory(volume.ingest)  # before anything else: what is left is no cluster any more
        else:
            rename(volume.ingest / name, gone / name)
    sync_directory(gone)
    sync_directory(volume.ingest)
    if faults := remove_tree(gone).faults:
        raise Refusal(f"{volume.ingest} cannot be emptied: {'; '.join(faults)}")
    sync_directory(volume.ingest)
