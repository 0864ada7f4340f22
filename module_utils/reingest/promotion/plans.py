"""What a promotion, or a recovery, is to do: the source of ``changed``, of the sentences and of the diff."""

from __future__ import annotations

from dataclasses import dataclass

from .journal import Intent


@dataclass(frozen=True)
class Promotion:
    """What is to be done to make a snapshot the live one."""

    snapshot: str
    previous: str  # what was live before it; empty before the first promotion
    origin: str  # "ingest", "staging", or "" when it is live already
    move: bool  # ingest/ becomes staging/<snapshot>
    link: bool  # prod is pointed at it
    record: bool  # the ledger does not have it yet
    files: tuple[str, ...] = ()  # of production's configuration, which the load gets

    @property
    def changed(self) -> bool:
        """Whether anything is to be done."""
        return self.move or self.link or self.record

    def did(self) -> list[str]:
        """Return the steps as sentences."""
        steps = []
        if self.move:
            steps += [f"move ingest to staging/{self.snapshot}", "make a fresh ingest"]
        if self.link:
            steps.append(f"point prod at staging/{self.snapshot}")
            if self.files:
                steps.append(f"take {', '.join(self.files)} over from staging/{self.previous}")
        elif self.record:
            steps.append(f"write the promotion of {self.snapshot} into the ledger")
        return steps

    def diff(self) -> dict[str, str]:
        """Return where ``prod`` leads and what ``ingest/`` is, before and after."""
        before = _leads(self.previous if self.link else self.snapshot)
        after = _leads(self.snapshot)
        if self.move:
            before += "ingest: the load\n"
            after += "ingest: empty\n"
        before += "".join(f"{name}: the load's\n" for name in self.files)
        after += "".join(f"{name}: production's\n" for name in self.files)
        return {"before": before, "after": after}


@dataclass(frozen=True)
class Recovery:
    """What is to be done about a promotion that was begun and did not come to its end, or that failed."""

    live: str  # the snapshot that is live afterwards; empty: none
    before: str  # the one that prod leads to now; empty: none
    intent: Intent | None = None  # what the journal says; None: nothing was begun
    damaged: bool = False  # the journal is no journal, it is put aside
    forward: bool = False  # the rename of prod was done: what comes after it is done as well
    failed: Intent | None = None  # the promotion that is taken back after its commit point
    link: bool = False  # prod is pointed at `live`, or taken away
    swap: bool = False  # the load goes back from staging/ to ingest/
    heal: bool = False  # a crash left no ingest/, or the empty directory for it
    clear: bool = False  # an empty directory waits in staging/, where a load was to go

    @property
    def moves(self) -> bool:
        """Whether a directory or ``prod`` changes: the servers must be stopped before."""
        return self.link or self.swap

    @property
    def changed(self) -> bool:
        """Whether anything is to be done."""
        return bool(self.moves or self.heal or self.clear or self.damaged or self.intent or self.failed)

    def did(self) -> list[str]:
        """Return the steps as sentences."""
        steps = []
        if self.damaged:
            steps.append("put the damaged journal aside")
        if self.forward and self.intent is not None:
            steps.append(f"write the promotion of {self.intent.snapshot} into the ledger")
        elif self.intent is not None and self.failed is None:
            steps.append(f"give up the promotion of {self.intent.snapshot}, which was not made")
        if self.link:
            back = f"point prod back at staging/{self.live}"
            steps.append(back if self.live else "remove prod: nothing was live before")
        if self.failed is not None:
            steps.append(f"mark {self.failed.snapshot} as bad")
        if self.swap and self.intent is not None:
            steps.append(f"move staging/{self.intent.snapshot} back to ingest")
        if self.heal:
            steps.append("make a fresh ingest")
        return steps

    def diff(self) -> dict[str, str]:
        """Return where ``prod`` leads, before and after."""
        return {"before": _leads(self.before), "after": _leads(self.live)}


def _leads(snapshot: str) -> str:
    return f"prod -> staging/{snapshot}\n" if snapshot else "prod: absent\n"
