"""What a promotion, or its undo, is to do: the source of ``changed``, of the sentences and of the diff."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Promotion:
    """What is to be done to make a snapshot the live one."""

    snapshot: str
    previous: str  # what was live before it; empty before the first promotion
    origin: str  # "ingest", "staging", or "" when it is live already
    system_identifier: str  # empty in check mode, when the load is still to come
    move: bool  # ingest/ becomes staging/<snapshot>
    link: bool  # prod is pointed at it
    record: bool  # the ledger does not have it yet
    fresh: bool = False  # a crash left no ingest/

    @property
    def changed(self) -> bool:
        """Whether anything is to be done."""
        return self.move or self.link or self.record or self.fresh

    def did(self) -> list[str]:
        """Return the steps as sentences."""
        steps = []
        if self.move:
            steps.append(f"move ingest to staging/{self.snapshot}")
        if self.move or self.fresh:
            steps.append("make a fresh ingest")
        if self.link:
            steps.append(f"point prod at staging/{self.snapshot}")
        elif self.record:
            steps.append(f"write the promotion of {self.snapshot} into the ledger")
        return steps

    def diff(self) -> dict[str, str]:
        """Return where ``prod`` leads and what ``ingest/`` is, before and after."""
        before = _leads(self.previous if self.link else self.snapshot)
        after = _leads(self.snapshot)
        if self.move or self.fresh:
            before += "ingest: the load\n" if self.move else "ingest: absent\n"
            after += "ingest: empty\n"
        return {"before": before, "after": after}


@dataclass(frozen=True)
class Undo:
    """What is to be done to take this run's promotion back."""

    failed: str  # the snapshot that was promoted by the run; empty: it promoted nothing
    restore: str  # what was live before; empty: nothing was, prod goes
    link: bool
    record: bool
    fresh: bool = False  # a crash left no ingest/
    close: bool = False  # the journal still says that the run intends it

    @property
    def changed(self) -> bool:
        """Whether anything is to be done."""
        return self.link or self.record or self.fresh or self.close

    def did(self) -> list[str]:
        """Return the steps as sentences."""
        steps = []
        if self.link:
            back = f"point prod back at staging/{self.restore}"
            steps.append(back if self.restore else "remove prod: nothing was live before")
        elif self.record:
            steps.append(f"mark {self.failed} as failed")
        elif self.close:
            steps.append(f"give up the promotion of {self.failed}, which was not made")
        if self.fresh:
            steps.append("make a fresh ingest")
        return steps

    def diff(self) -> dict[str, str]:
        """Return where ``prod`` leads, before and after."""
        after = _leads(self.restore)
        return {"before": _leads(self.failed) if self.link else after, "after": after}


def _leads(snapshot: str) -> str:
    return f"prod -> staging/{snapshot}\n" if snapshot else "prod: absent\n"
