"""All writers, in a process of their own: they are held while the checker looks."""

from __future__ import annotations

import multiprocessing
import threading
from dataclasses import dataclass

from writes.writers import Backend, Clerk, Courier, Definer, Log, Long, Returning, Slow, Visitor

KINDS = (Backend, Backend, Backend, Long, Long, Returning, Returning, Clerk, Definer)


@dataclass(frozen=True)
class Counted:
    """How many rows there must be, and may be at most."""

    least: int
    most: int


class Crew:
    """Writers that begin at once; ``end`` them."""

    def __init__(self, dsn, seed, *, slow=False, portal=0, jobs=False):
        context = multiprocessing.get_context("fork")
        self._here, there = context.Pipe()
        self._process = context.Process(
            target=_work, args=(there, dsn, seed, slow, portal, jobs), daemon=True
        )
        self._process.start()
        there.close()

    def ask(self, what, *more):
        self._here.send((what, *more))
        return self._here.recv()

    def counted(self):
        """Return how many rows the portal's database has, while nobody can write."""
        return self.ask("count")

    def hold(self):
        """Let every writer come to rest; return their logs as one."""
        return self.ask("hold")

    def go_on(self, settled):
        """Let them write again; ``settled`` is what their unknown rows were found to be."""
        self.ask("go on", settled)

    def end(self):
        if self._process.is_alive():
            self.ask("end")
            self._process.join(20)
        if self._process.is_alive():
            self._process.kill()
        self._here.close()


class _Rest:
    """Where writers wait."""

    def __init__(self):
        self._changed = threading.Condition()
        self._held, self._ended = False, False
        self._resting = set()

    def may_go(self, writer):
        """Wait while all are held; return whether there is more to do."""
        with self._changed:
            if self._held:
                self._resting.add(writer)
                self._changed.notify_all()
            self._changed.wait_for(lambda: not self._held or self._ended)
            self._resting.discard(writer)
            return not self._ended

    def hold(self, writers):
        with self._changed:
            self._held = True
            self._changed.wait_for(lambda: self._resting >= set(writers))

    def go_on(self):
        with self._changed:
            self._held = False
            self._changed.notify_all()

    def end(self):
        with self._changed:
            self._ended = True
            self._changed.notify_all()


def _work(pipe, dsn, seed, slow, portal, jobs):
    rest = _Rest()
    kinds = (*KINDS, Slow) if slow else KINDS
    writers = [kind(number, dsn, seed, rest) for number, kind in enumerate(kinds)]
    if jobs:
        writers += [Courier(len(writers) + number, dsn, seed, rest) for number in range(3)]
    if portal:
        writers.append(Visitor(len(writers), portal, seed, rest))
    threads = [threading.Thread(target=writer.run, daemon=True) for writer in writers]
    for thread in threads:
        thread.start()
    while True:
        what, *more = pipe.recv()
        if what == "count":
            pipe.send(_counted(writers))
        elif what == "hold":
            rest.hold(writers)
            pipe.send(_logs(writers))
        elif what == "go on":
            _settle(writers, *more)
            rest.go_on()
            pipe.send(None)
        else:
            rest.end()
            pipe.send(None)
            return


def _counted(writers):
    least = most = 0
    for writer in writers:
        if isinstance(writer, Courier):
            continue  # of another database the module tells the tables and rows in one sentence
        with writer.lock:
            rows = set(writer.log.known)
            gone = {
                row for change in writer.log.unknown for row, (_, after) in change.items() if after is None
            }
            new = {
                row for change in writer.log.unknown for row, (before, _) in change.items() if before is None
            }
            least += len(rows - gone - new)
            most += len(rows | new)
    return Counted(least, most)


def _logs(writers):
    whole = Log()
    for writer in writers:
        whole.known.update(writer.log.known)
        whole.unknown += writer.log.unknown
        whole.acknowledged += writer.log.acknowledged
        whole.cut += writer.log.cut
        whole.twice += writer.log.twice
        whole.errors += writer.log.errors
    return whole


def _settle(writers, settled):
    for writer in writers:
        writer.log.unknown.clear()
        writer.limbo.clear()
    by_name = {writer.name: writer for writer in writers}
    for row, value in settled.items():
        known = by_name[row[1].partition("-")[0]].log.known
        if value is None:
            known.pop(row, None)
        else:
            known[row] = value
