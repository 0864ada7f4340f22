"""What may be asked of each playbook: closed models, each field of a type of its own.

What a field holds becomes a variable of Ansible (``-e @file``), which would render a template in it: no text
may hold braces.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.volume.run_id import checked_run
from plugins.module_utils.reingest.volume.snapshot_id import checked

from ..identity.roles import LOADER, PROMOTER

_TEXT = r"^[^{}\x00-\x1f\x7f-\x9f\u2028\u2029]+$"


def _snapshot(text: str) -> str:
    try:
        return checked(text)
    except Refusal as refusal:
        raise ValueError(str(refusal)) from None


def _run(text: str) -> str:
    try:
        return checked_run(text)
    except Refusal as refusal:
        raise ValueError(str(refusal)) from None


def _folder(text: str) -> str:
    path = PurePosixPath(text)
    if not path.is_absolute() or ".." in path.parts:
        raise ValueError("must be an absolute path without ..")
    return str(path)


Snapshot = Annotated[str, AfterValidator(_snapshot), Field(max_length=40, description="id of a snapshot")]
Run = Annotated[str, AfterValidator(_run), Field(max_length=40, description="id of a dead run")]
Folder = Annotated[
    str,
    Field(max_length=500, pattern=_TEXT, description="folder of sources on the worker, below a declared one"),
    AfterValidator(_folder),
]
Release = Annotated[str, Field(max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._+-]*$")]
Why = Annotated[str, Field(max_length=500, pattern=_TEXT, description="for the ledger")]
Finding = Annotated[str, Field(max_length=200, pattern=r"^[^{},\x00-\x1f\x7f-\x9f\u2028\u2029]+$")]
Findings = Annotated[list[Finding], Field(max_length=50, description="findings that are accepted by name")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the ledger as it is")]


class Asked(BaseModel):
    """What every kind of job has."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    check: bool = Field(default=False, description="a dry run: say what would be done, change nothing")

    def variables(self) -> dict[str, Any]:
        """Return what was given as variables of the inventory, with its names."""
        given = self.model_dump(exclude={"check"}, exclude_none=True, exclude_unset=True)
        return {f"reingest_{name}": value for name, value in given.items()}


class Load(Asked):
    """Load a release into the staging server, and verify it."""

    sources: Folder | None = None
    release: Release | None = None
    snapshot: Snapshot | None = None
    force: bool | None = Field(default=None, description="load although nothing changed")
    accept: Findings | None = None


class Ingest(Load):
    """Load a release, verify it, and switch production over to it."""


class Promote(Asked):
    """Switch production to the load, or to a snapshot."""

    snapshot: Snapshot | None = None
    force: bool | None = Field(default=None, description="promote what is marked as bad")
    accept: Findings | None = None


class Rollback(Asked):
    """Switch production back to the snapshot that served before, or to one."""

    snapshot: Snapshot | None = None
    why: Why | None = None
    accept: Findings | None = None


class Prune(Asked):
    """Delete what retention permits deleting."""

    accept: Findings | None = None


class Pin(Asked):
    """Pin a snapshot, so that no rule deletes it, or unpin it."""

    snapshot: Snapshot
    pin: bool | None = Field(default=None, description="false unpins it")
    why: Why | None = None


class Recover(Asked):
    """Finish or undo what an interrupted run left, and start what should run."""

    take_over: Run | None = None
    accept_ledger: Digest | None = None


@dataclass(frozen=True)
class Kind:
    """A kind of job."""

    name: str
    model: type[Asked]
    role: str  # who may; a dry run may be made by every loader

    @property
    def playbook(self) -> str:
        """Return the playbook's path in the repository."""
        return f"playbooks/{self.name}.yml"

    def needs(self, *, check: bool) -> str:
        """Return the role that it needs."""
        return LOADER if check else self.role


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("ingest", Ingest, PROMOTER),
        Kind("load", Load, LOADER),
        Kind("promote", Promote, PROMOTER),
        Kind("rollback", Rollback, PROMOTER),
        Kind("prune", Prune, PROMOTER),
        Kind("pin", Pin, LOADER),
        Kind("recover", Recover, LOADER),
    )
}


def refuse_sources(asked: Asked, roots: tuple[Path, ...]) -> None:
    """Refuse a folder of sources that lies in none of the declared ones.

    Raises:
        Refusal: it does not.
    """
    sources = getattr(asked, "sources", None)
    if sources is None or any(PurePosixPath(sources).is_relative_to(root) for root in roots):
        return
    raise Refusal(
        f"{sources} is not below one of the declared folders ({', '.join(map(str, roots)) or 'none'}): the "
        "service's source_roots has them"
    )
