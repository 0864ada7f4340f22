"""The two commands by which a portal says that it is away for a moment: declared, not known to reingest."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from ..disclosure.secrets import without_passwords
from ..errors import Refusal
from ..host.processes import USUAL_UMASK

LONGEST_S = 30.0
_SHOWN = 200  # characters of what a command said


def run_declared(command: Sequence[str], variable: str) -> str:
    """Run such a command; it may run twice in a row.

    Args:
        command: program and arguments.
        variable: the inventory's name of it, for messages.

    Returns:
        What was done, as a sentence.

    Raises:
        Refusal: it is not there, fails, or does not end.
    """
    try:
        done = subprocess.run(  # noqa: S603 - declared in the inventory
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LONGEST_S,
            umask=USUAL_UMASK,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Refusal(
            f"{command[0]} ({variable}) does not end within {LONGEST_S:.0f} s: correct it"
        ) from None
    except OSError as error:
        raise Refusal(f"{command[0]} ({variable}) cannot be run: {error.strerror}; correct it") from None
    if done.returncode != 0:
        said = without_passwords(" ".join(done.stdout.decode(errors="replace").split()))
        said = said[-_SHOWN:] or "it says nothing"
        raise Refusal(f"{command[0]} ({variable}) fails with {done.returncode}: {said}; correct it")
    return f"run {command[0]} ({variable})"
