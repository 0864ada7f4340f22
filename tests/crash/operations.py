"""What is disturbed: each verb on a volume, what may be live meanwhile, and how the next run goes on."""

from __future__ import annotations

from dataclasses import dataclass

from crash.module import Verb, claim, promote, prune, recover, release
from crash.strace import killed, trace
from crash.volumes import BAD, NEXT, THIRD, A, B

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
        if self.begun is None:
            return
        if not killed(self.begun.verb, volume, work, point):
            raise AssertionError(f"{self.begun.verb} was not killed at {point}")
        _must(claim(self.verb.run, take_over=BAD), volume)

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


_LOADED = promote(BAD, loaded=B)
_BACK = promote(BAD, kind="rollback", why="the search finds nothing")


def _recovery(name, begun, **params):
    again = recover(THIRD, **{**params, "of_run": params.get("of_run", BAD)}) if params else promote(THIRD, B)
    return Operation(
        name,
        "loaded",
        recover(NEXT, **params),
        again,
        (A, B),
        begun=begun,
        next_run=THIRD,
        dead=NEXT,
    )


OPERATIONS = (
    Operation("promote the first load", "first", promote(BAD, loaded=A), promote(NEXT, A), ("", A), (A,)),
    Operation("promote a load", "loaded", _LOADED, promote(NEXT, B), (A, B)),
    Operation(
        "promote a snapshot",
        "staged",
        promote(BAD, B, kind="promote"),
        promote(NEXT, B, kind="promote"),
        (A, B),
    ),
    Operation(
        "rollback", "two", _BACK, promote(NEXT, A, kind="rollback", why="the search finds nothing"), (A, B)
    ),
    Operation("prune", "many", prune(BAD), prune(NEXT), (B,)),
    Operation("claim", "loaded", claim(NEXT), promote(NEXT, B), (A, B), free=True),
    Operation("take over", "loaded", claim(NEXT, take_over=BAD), promote(NEXT, B), (A, B)),
    Operation("release", "loaded", release(BAD), promote(NEXT, B), (A, B)),
    _recovery("recover: journal only", Begun(_LOADED, "mkdir", "/staging/")),
    _recovery("recover: moved", Begun(_LOADED, "symlink", ".prod.new")),
    _recovery("recover: before the commit", Begun(_LOADED, "rename", ".prod.new")),
    _recovery("recover: after the commit", Begun(_LOADED, "openat", "ledger.jsonl")),
    _recovery("recover: only the journal left", Begun(_LOADED, "unlink", '"/.reingest/journal.json"')),
    _recovery("undo: moved", Begun(_LOADED, "rename", ".prod.new"), failed=FAILED, of_run=BAD),
    _recovery("undo: after the commit", Begun(_LOADED, "openat", "ledger.jsonl"), failed=FAILED, of_run=BAD),
    _recovery(
        "undo: told the ledger",
        Begun(_LOADED, "unlink", '"/.reingest/journal.json"'),
        failed=FAILED,
        of_run=BAD,
    ),
)
