"""One look at a load from afar: a command for its host's shell, and what its answer says.

A shell is asked and no module, because it is asked each second, and a module would cost more than that.
"""

from __future__ import annotations

import shlex
from contextlib import suppress
from dataclasses import dataclass

from ..host.processes import started_in
from .progress import LARGEST, Progress, read_progress

_PROCESS, _JOB, _SEEN = "reingest-process:", "reingest-job:", "reingest-seen"


@dataclass(frozen=True)
class Look:
    """What was seen."""

    state: Progress | None  # None: it wrote none yet
    gone: bool  # whether the process that the last state named is gone
    job_gone: bool  # whether no process of the job runs; False also where it was not looked for


class NoAnswerError(Exception):
    """The answer is not one of the host's shell, or only a part of it."""


def look_command(file: str, known: Progress | None, job: str) -> str:
    """Return the command.

    Args:
        file: the path of the state on the host.
        known: the last state that was seen; its process is looked at.
        job: the id of the job whose processes are counted; empty: they are not.
    """
    parts = [f"head -c {LARGEST} {shlex.quote(file)} 2>/dev/null; echo"]
    if known is not None:
        parts.append(f"echo {_PROCESS}; cat /proc/{int(known.process)}/stat 2>/dev/null; echo")
    if job:
        # The job's wrapper has the id as an argument, without the process id that Ansible adds behind a dot.
        # The pattern does not match itself, so it does not find this shell.
        name = job.partition(".")[0]
        pattern = shlex.quote(f"{name[:-1]}[{name[-1]}]")
        parts.append(f"echo {_JOB}; cat /proc/[0-9]*/cmdline 2>/dev/null | grep -c -e {pattern}")
    return "; ".join([*parts, f"echo {_SEEN}"])


def read_look(answer: str, known: Progress | None) -> Look:
    """Return what the answer to the command says.

    Raises:
        NoAnswerError: the host is out of reach.
    """
    # An SSH session with a terminal, which Ansible asks for, ends lines in another way.
    head, seen, _ = answer.replace("\r\n", "\n").rpartition(_SEEN)
    if not seen:
        raise NoAnswerError
    head, job = _parted(head, _JOB)
    text, process = _parted(head, _PROCESS)
    state = None
    with suppress(ValueError):
        state = read_progress(text[text.find("{") : text.rfind("}") + 1])
    gone = known is not None and started_in(process) != known.process_started
    return Look(state, gone, job == "0")


def _parted(text: str, mark: str) -> tuple[str, str]:
    """Return what comes before the last mark, and what after it; all comes before one that is not there."""
    line = f"\n{mark}\n"  # the state has no line's end within it
    if line not in text:
        return text, ""
    before, _, after = text.rpartition(line)
    return before, after.strip()
