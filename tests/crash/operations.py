"""What is disturbed: each verb on a volume, what may be live meanwhile, and how the next run goes on."""

from __future__ import annotations

from dataclasses import dataclass

from crash.module import Verb, claim, close, promote, prune, recover, release
from crash.strace import killed, trace
from crash.volumes import BAD, NEXT, THIRD, A, B, open_window

FAILED = "the new server did not get healthy"


@dataclass(frozen=True)
class Begun:
    """A verb that was killed before the operation: at the first call of this name on this path."""

    verb: Verb
    call: str
    on: str
    nth: int = 1  # of those

    def point(self, points):
        found = [point for point in points if point.call == self.call and self.on in point.shown]
        return found[self.nth - 1]


@dataclass(frozen=True)
class Operation:
    """A verb to disturb."""

    name: str
    base: str
    verb: Verb
    again: Verb  # the same by the run that comes after it
    allowed: tuple[str, ...]  # what may be live at any instant
    keeps: tuple[str, ...] = (A, B)
    begun: Begun | None = None
    window: tuple[str, str] | None = None  # the first run's is open: what its switch leads to, and from where
    before: tuple[Verb, ...] = ()  # what is done before the operation
    free: bool = False  # no run has the volume when it begins
    next_run: str = NEXT
    dead: str = BAD  # whose claim the next run takes over

    @property
    def stages(self):
        """Whether a load in ``ingest/`` is promoted."""
        return bool((self.begun.verb if self.begun else self.verb).params.get("loaded"))

    def find_begun(self, volume, work):
        """Return where the verb before the operation is to be killed, seen on a copy of the base."""
        if self.begun is None:
            return None
        self._open(volume)
        _, points = trace(self.begun.verb, volume, work)
        return self.begun.point(points)

    def prepare(self, volume, work, point):
        """Bring a copy of the base to where the operation begins.

        Args:
            volume: the copy's path.
            work: a folder for logs.
            point: what ``find_begun`` returned.
        """
        if self.free:
            _must(release(BAD), volume)
        self._open(volume)
        if self.begun is not None and not killed(self.begun.verb, volume, work, point):
            raise AssertionError(f"{self.begun.verb} was not killed at {point}")
        for step in self.before:
            _must(step, volume)

    def _open(self, volume):
        if self.window is not None:
            open_window(volume, BAD, *self.window)

    def next_run_ends(self, volume):
        """Let the next run claim the volume, recover it, and do the same; return what is wrong with that."""
        run = self.next_run
        steps = (claim(run, take_over=self.dead), recover(run), self.again, release(run))
        for step in steps:
            answer = step.call(volume)
            if not answer.succeeded:
                return [f"{step.module} {step.params} of the next run: {answer.refused or answer.text}"]
        return []


def _must(verb, volume):
    answer = verb.call(volume)
    if not answer.succeeded:
        raise AssertionError(f"{verb}: {answer.text}")


_WINDOW = (B, A)
_LOADED = promote(BAD, loaded=B, window=True)
_BACK = {"kind": "rollback", "why": "the search finds nothing"}
_COMMITTED = Begun(_LOADED, "openat", "ledger.jsonl")
_TOLD = Begun(_LOADED, "unlinkat", '</.reingest>, "journal.json"')


def _recovery(name, begun, *, window=_WINDOW):
    """The run died in its switch: the next one recovers, and, should it die in that, the one after it."""
    return Operation(
        f"recover: {name}",
        "loaded",
        recover(NEXT),
        promote(THIRD, B),
        (A, B),
        begun=begun,
        window=window,
        before=(claim(NEXT, take_over=BAD),),
        next_run=THIRD,
        dead=NEXT,
    )


def _undo(name, begun):
    """The run lives and takes its own switch back; should it die in that, the next one recovers."""
    again = recover(NEXT, start=True)
    undo = recover(BAD, failed=FAILED)
    return Operation(f"undo: {name}", "loaded", undo, again, (A, B), begun=begun, window=_WINDOW)


OPERATIONS = (
    Operation(
        "promote the first load",
        "first",
        promote(BAD, loaded=A, window=True),
        promote(NEXT, A),
        ("", A),
        (A,),
        window=(A, ""),
    ),
    Operation("promote a load", "loaded", _LOADED, promote(NEXT, B), (A, B), window=_WINDOW),
    Operation(
        "promote a snapshot",
        "staged",
        promote(BAD, B, kind="promote", window=True),
        promote(NEXT, B, kind="promote"),
        (A, B),
        window=_WINDOW,
    ),
    Operation(
        "rollback",
        "two",
        promote(BAD, window=True, **_BACK),
        promote(NEXT, A, **_BACK),
        (A, B),
        window=(A, B),
    ),
    Operation(
        "close the window",
        "loaded",
        close(BAD),
        promote(NEXT, B),
        (B,),
        window=_WINDOW,
        before=(_LOADED,),
    ),
    Operation("prune", "many", prune(BAD), prune(NEXT), (B,)),
    Operation("claim", "loaded", claim(NEXT), promote(NEXT, B), (A, B), free=True),
    Operation("take over", "loaded", claim(NEXT, take_over=BAD), promote(NEXT, B), (A, B)),
    Operation("release", "loaded", release(BAD), promote(NEXT, B), (A, B)),
    _recovery("only the window", None),
    _recovery("journal only", Begun(_LOADED, "mkdirat", "</staging>")),
    _recovery("moved", Begun(_LOADED, "symlinkat", ".prod.new")),
    _recovery("moved, no window", Begun(promote(BAD, loaded=B), "symlinkat", ".prod.new"), window=None),
    _recovery("before the commit", Begun(_LOADED, "renameat", ".prod.new")),
    _recovery("after the commit", _COMMITTED),
    _recovery("only the journal left", _TOLD),
    _undo("moved", Begun(_LOADED, "renameat", ".prod.new")),
    _undo("after the commit", _COMMITTED),
    _undo("told the ledger", _TOLD),
)
