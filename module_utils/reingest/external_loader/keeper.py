"""A process that is kept: when it, or whoever started it, comes to an end, nothing of it is left running."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ..host.processes import USUAL_UMASK

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER: what a descendant leaves behind becomes the keeper's child
_GRACE_S = 5.0
_POLL_S = 0.05


@dataclass(frozen=True)
class Kept:
    """A started process. ``output`` is what it writes, ended when nothing of it runs any more."""

    keeper: int
    output: int
    life: int
    status: int

    def end(self) -> None:
        """Have it ended, with all its children: asked first, then killed."""
        os.close(self.life)

    def wait(self) -> str:
        """Return how it ended: an exit code, ``signal N``, or why it did not start; empty when unknown."""
        os.waitpid(self.keeper, 0)
        with os.fdopen(self.status, encoding="utf-8") as stream:
            return stream.read()


def start_kept(
    argv: Sequence[str], environment: Mapping[str, str], directory: Path, *, closed: Sequence[int] = ()
) -> Kept:
    """Start a command under a keeper of its own.

    Args:
        argv: the program and its arguments; no shell.
        environment: the whole environment.
        directory: its working directory.
        closed: descriptors of the caller that the keeper must not hold open.
    """
    output, writer = os.pipe()
    watched, life = os.pipe()
    status, told = os.pipe()
    keeper = os.fork()
    if keeper == 0:
        _keep(argv, environment, directory, writer, watched, told, [*closed, output, life, status])
    for descriptor in (writer, watched, told):
        os.close(descriptor)
    return Kept(keeper, output, life, status)


def _keep(
    argv: Sequence[str],
    environment: Mapping[str, str],
    directory: Path,
    writer: int,
    watched: int,
    told: int,
    closed: Sequence[int],
) -> NoReturn:
    """Be the keeper; it leaves by ``_exit``, so nothing of the parent's is flushed twice."""
    try:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        for descriptor in closed:
            os.close(descriptor)
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
        try:
            process = subprocess.Popen(  # noqa: S603 - the command is the inventory's own
                argv,
                stdin=subprocess.DEVNULL,
                stdout=writer,
                stderr=writer,
                env=environment,
                cwd=directory,
                umask=USUAL_UMASK,
            )
        except OSError as error:
            os.write(told, f"it cannot be started: {error.strerror}".encode())
        else:
            while process.poll() is None and not select.select([watched], [], [], _POLL_S)[0]:
                pass
            if process.returncode is not None:
                os.write(told, _said(process.returncode).encode())
            _end_all()
    finally:
        os._exit(0)


def _said(code: int) -> str:
    return f"signal {-code}" if code < 0 else str(code)


def _end_all() -> None:
    """Ask all descendants to end, kill what does not within a moment, and return when none is left."""
    deadline = time.monotonic() + _GRACE_S
    asked: set[int] = set()
    while running := descendants(os.getpid()):
        late = time.monotonic() > deadline
        for process in running:
            if late or process not in asked:
                asked.add(process)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL if late else signal.SIGTERM)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(_POLL_S)


def descendants(of: int) -> list[int]:
    """Return the processes below a process that run."""
    children: dict[int, list[tuple[int, str]]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                text = (folder / "stat").read_text(encoding="utf-8", errors="replace")
                state, parent = text.rpartition(")")[2].split()[:2]
                children.setdefault(int(parent), []).append((int(folder.name), state))
    found: list[int] = []
    below = [of]
    while below:
        for process, state in children.get(below.pop(), []):
            below.append(process)
            if state not in ("Z", "X"):
                found.append(process)
    return found
