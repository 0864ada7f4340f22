"""Who may what: read from the file that also says whose signatures count.

A role is a line ``# role <ORCID iD> viewer|loader|promoter``, which ssh-keygen takes for a comment. Each role
may what the one before it may. Who has no line may nothing.
"""

from __future__ import annotations

import os
import re
import stat
import threading
from pathlib import Path

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.volume.operators import orcid

VIEWER, LOADER, PROMOTER = "viewer", "loader", "promoter"
ROLES = (VIEWER, LOADER, PROMOTER)
_LINE = re.compile(r"#\s*role\s+(\S+)\s+(\S+)\s*")
_LARGEST = 1 << 20


def may(role: str, needed: str) -> bool:
    """Return whether a role is enough; the empty one never is."""
    return role in ROLES and ROLES.index(role) >= ROLES.index(needed)


def parse_roles(text: str) -> dict[str, str]:
    """Return the role of each person.

    Raises:
        Refusal: a line names no iD or no role, or one person twice.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        match = _LINE.fullmatch(line.strip())
        if match is None:
            continue
        person, role = orcid(match[1]), match[2]
        if role not in ROLES:
            raise Refusal(f"line {number}: {role!r} is no role: one of {', '.join(ROLES)}")
        if person in found:
            raise Refusal(f"line {number}: {person} has a role already: one line a person")
        found[person] = role
    return found


class People:
    """The roles as they are now: the file is read again when it changed."""

    def __init__(self, path: Path, *, own: bool = False) -> None:
        """Remember the path; ``own``: it may belong to this account, as in the demo."""
        self._path = path
        self._owners = {0, os.geteuid()} if own else {0}
        self._lock = threading.Lock()
        self._seen: tuple[int, ...] = ()
        self._roles: dict[str, str] = {}

    def role(self, person: str) -> str:
        """Return a person's role; empty where there is none, or the file cannot be believed."""
        try:
            return self.roles().get(person, "")
        except Refusal:
            return ""

    def roles(self) -> dict[str, str]:
        """Return all roles.

        Raises:
            Refusal: the file is not there, is wrong, or somebody else may change it.
        """
        with self._lock:
            try:
                with self._path.open("rb") as file:
                    found = os.fstat(file.fileno())
                    seen = (found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode, found.st_uid)
                    if seen == self._seen:
                        return self._roles
                    self._refuse_changeable(found)
                    self._roles = parse_roles(file.read(_LARGEST).decode("utf-8", "replace"))
                    self._seen = seen
                    return self._roles
            except OSError as error:
                self._seen = ()
                raise Refusal(
                    f"{self._path} cannot be read ({error.strerror}), so nobody may anything"
                ) from None
            except Refusal as refusal:
                self._seen = ()
                raise Refusal(f"{self._path}: {refusal}") from None

    def _refuse_changeable(self, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode) or found.st_uid not in self._owners or found.st_mode & 0o022:
            raise Refusal("it must be a file of root that only root may write, or it says nothing")
