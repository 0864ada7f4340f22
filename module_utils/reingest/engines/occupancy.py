"""Whether anybody is in a data directory: PostgreSQL's own lock does not tell across containers.

Each postmaster is process 1 of its container, and takes the lock file of another one for its own of before: a
second server was seen to run crash recovery on live files. So this proves that no server is there: by the
processes whose working directory it is, in all containers of this machine, and by the containers whose data
directory it is, whose server may come the next instant.

What that cannot show is a blind spot, and there the directory must be declared to be nobody else's:

- a network file system: other machines' processes are seen nowhere;
- an account that is neither root nor the directory's owner, or servers of the owner that it may not look at
  (those of a user namespace). The owner's own account sees enough: PostgreSQL starts neither under root nor
  on a directory of another owner, so each server on it is a process of that account;
- ``/proc`` mounted with hidepid, for any account but root;
- an engine that does not answer, or whose containers run beside the container that this runs in.

No blind spots are, on purpose:

- *An engine that this account may not use.* Its servers are seen as processes all the same. What is missed
  is a container at its entrypoint; the check is made again before the link is moved and before a server is
  started. Only services that are no containers can be switched by such an account.
- *An engine that is down.* It can start nothing, and what it left running are processes.
- *A machine that is itself a container.* It sees its own processes and those of an engine within it. Whether
  another container has the same volume cannot be seen from inside, and none could prove that it has not.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ..errors import Refusal
from ..fs.mounts import Mounts, mounts
from ..postgres.working import Working, working_in
from .kind import Containers, Kind, together
from .registry import KINDS


@dataclass(frozen=True)
class Occupancy:
    """Who is in a directory, and why that may not be all; a phrase each."""

    occupants: tuple[str, ...]
    blind_spots: tuple[str, ...]


def look(
    path: Path,
    *,
    without: Collection[str] = (),
    own: Collection[int] = (),
    kinds: Collection[Kind] = KINDS,
) -> Occupancy:
    """Look who is in a directory; in one that is not there is nobody.

    Args:
        path: the directory, or a link to it.
        without: names of containers that may be in it: those that the caller starts and stops itself.
        own: processes that may be in it, for the same reason.
        kinds: the engines that are asked.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return Occupancy((), ())
    except PermissionError:
        return Occupancy((), (f"this account (uid {os.geteuid()}) may not look at it",))
    table = mounts()
    # First, since a container that starts becomes a process.
    containers = together(kind.containers(path, table) for kind in kinds)
    working = working_in(path)
    spots = _blind_spots(path, table, working)
    return Occupancy(
        tuple(_occupants(working, containers, without, own)),
        (*spots, containers.blind_spot) if containers.blind_spot else tuple(spots),
    )


def occupants(path: Path, *, without: Collection[str] = ()) -> list[str]:
    """Return who is in a directory, one phrase each: "process 4711 (postgres) works in it"."""
    return list(look(path, without=without).occupants)


def blind_spots(path: Path) -> list[str]:
    """Return why not all that may be in a directory can be seen."""
    return list(look(path).blind_spots)


def occupancy_faults(
    path: Path, *, exclusive: bool, without: Collection[str] = (), own: Collection[int] = ()
) -> list[str]:
    """Return why a directory cannot be taken for free.

    Args:
        path: the directory.
        exclusive: whether it is declared to be nobody else's, where that cannot be seen.
        without: names of containers that may be in it.
        own: processes that may be in it.
    """
    found = look(path, without=without, own=own)
    faults = []
    if found.occupants:
        faults.append(
            f"{path} is in use: {'; '.join(found.occupants)}; stop what is there in order, then try again"
        )
    elif found.blind_spots and not exclusive:
        faults.append(
            f"whether {path} is in use cannot be seen: {'; '.join(found.blind_spots)}; make sure that no "
            "other server or container works in it, and say so with reingest_exclusive: true"
        )
    return faults


def refuse_occupied(path: Path, *, exclusive: bool, without: Collection[str] = ()) -> None:
    """Refuse a directory that is not proven to be free.

    Args:
        path: the directory.
        exclusive: whether it is declared to be nobody else's, where that cannot be seen.
        without: names of containers that may be in it.

    Raises:
        Refusal: somebody is in it, or that cannot be seen.
    """
    faults = occupancy_faults(path, exclusive=exclusive, without=without)
    if faults:
        raise Refusal("; ".join(faults))


def _occupants(
    working: Working, containers: Containers, without: Collection[str], own: Collection[int]
) -> list[str]:
    phrases, told = [], set(without)
    for process in working.first():
        name = containers.names.get(process.container) or containers.namespaces.get(process.namespace)
        name = name or process.container[:12]
        if name in without or process.pid in own:
            continue
        told.add(name)
        whose = f" of container {name}" if name else ""
        phrases.append(f"process {process.pid} ({process.name}){whose} works in it")
    return phrases + [
        f"container {name} has it as its data directory and is {_STATES.get(state, state)}"
        for name, state in sorted(containers.states.items())
        if name not in told
    ]


_STATES = {"restarting": "started again and again"}


def _blind_spots(path: Path, table: Mounts, working: Working) -> list[str]:
    spots = []
    found = table.of(path.resolve())
    if found.network:
        spots.append(
            f"it lies on a network file system ({found.kind}, {found.source} at {found.point}), which other "
            "machines may have mounted"
        )
    account, owner = os.geteuid(), path.stat().st_uid
    if account not in (0, owner):
        spots.append(
            f"this account (uid {account}) is neither root nor the directory's owner (uid {owner}), so the "
            "processes in it are hidden"
        )
    elif working.unseen:
        spots.append(
            f"this account may not look at servers of the directory's owner (process {_some(working.unseen)})"
        )
    hidden = [one for one in table.of(Path("/proc")).options if one.startswith("hidepid=")]
    if account != 0 and hidden and hidden[0] not in ("hidepid=0", "hidepid=off"):
        spots.append(f"/proc is mounted with {hidden[0]}, which hides processes from all but root")
    return spots


def _some(pids: tuple[int, ...]) -> str:
    return ", ".join(map(str, pids[:5])) + (f" and {len(pids) - 5} more" if len(pids) > 5 else "")
