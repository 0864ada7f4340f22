"""Keep clients held while a switch works: a pooler that is restarted has forgotten that it holds them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..errors import Refusal
from .console import Silent, console
from .hold import Patience, hold_again
from .model import Pooler
from .seen import entry

_LOOK_S = 0.2  # a pooler that somebody resumed ends no session
_AGAIN_S = 0.02


@contextmanager
def kept(poolers: Sequence[Pooler], patience: Patience) -> Iterator[list[str]]:
    """Look at each pooler until the block ends; gives the list of what was found, which grows meanwhile.

    When the block has ended nothing is held again: its caller lets the clients go on.
    """
    done = threading.Event()
    woken, wakes = os.pipe()
    found: list[str] = []
    watchers = [
        threading.Thread(target=_watch, args=(pooler, patience, done, woken, found), daemon=True)
        for pooler in poolers
    ]
    for watcher in watchers:
        watcher.start()
    try:
        yield found
    finally:
        done.set()
        os.write(wakes, b"\0")
        for watcher in watchers:
            watcher.join()
        os.close(woken)
        os.close(wakes)


def _watch(pooler: Pooler, patience: Patience, done: threading.Event, woken: int, found: list[str]) -> None:
    while not done.is_set():
        try:
            with console(pooler, patience.answer) as at:
                while entry(at, patience.answer).paused and not done.is_set():
                    if at.gone(_LOOK_S, wake=woken):
                        break
            if not done.is_set():
                _tell(found, hold_again([pooler], patience))
        except Silent:
            done.wait(_AGAIN_S)
        except Refusal as refusal:
            _tell(found, [str(refusal)])
            done.wait(_LOOK_S)


def _tell(found: list[str], lines: Sequence[str]) -> None:
    found += [line for line in lines if line not in found]
