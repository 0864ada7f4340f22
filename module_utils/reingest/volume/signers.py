"""Whether a run must be proven: the file that says whose signatures count on this host.

Its place is fixed, so that no variable or option of a run leads past it. Its form is that of ssh-keygen
(ALLOWED SIGNERS in ssh-keygen(1)); the principals are ORCID iDs.
"""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

from ..errors import Refusal
from .layout import Volume
from .lock import holder

SIGNERS = Path("/etc/reingest/allowed_signers")
OWNER = 0  # root
RECOVER = "recover"  # the playbook that needs no proof: whoever finds the portal down brings it back


def proof_required() -> bool:
    """Return whether a run on this host must be proven.

    Raises:
        Refusal: the file is there, and somebody else than root may change it, or it cannot be read.
    """
    try:
        _refuse_changeable(SIGNERS, stat.S_ISREG, "file")
    except FileNotFoundError:
        return False
    except OSError as error:
        raise Refusal(f"{SIGNERS} cannot be looked at ({error.strerror}): run as root") from None
    _refuse_changeable(SIGNERS.parent, stat.S_ISDIR, "directory")
    return True


def refuse_unproven(volume: Volume, run: str) -> None:
    """Refuse a run that claimed the volume without the proof that this host requires.

    Raises:
        Refusal: it did; recover.yml is what may do so, and it only recovers.
    """
    if not proof_required():
        return
    now = holder(volume)
    if now is None or now.run != run or not now.proof:
        raise Refusal(
            f"run {run} has {volume.root} without a proof of who runs it, which {SIGNERS} requires: it may "
            "only recover; set reingest_signing_key and start a new run"
        )


def _refuse_changeable(path: Path, is_kind: Callable[[int], bool], kind: str) -> None:
    found = path.lstat()
    wrong = (
        f"is no {kind}"
        if not is_kind(found.st_mode)
        else "does not belong to root"
        if found.st_uid != OWNER
        else "may be written by others than root"
        if found.st_mode & 0o022
        else ""
    )
    if wrong:
        raise Refusal(
            f"{path} {wrong}, so it proves nothing: make it a {kind} of root that only root may write "
            "(chown root, chmod go-w), and see that its lines are yours; no run until then"
        )
