"""Work shared out to forked processes: Python runs on one core, a load wants all of them."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import selectors
import signal
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Callable, NoReturn

from ..errors import Refusal

_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


@dataclass(frozen=True)
class Job:
    """One piece of work; ``call`` returns what JSON can hold, and opens its own connections."""

    name: str
    weight: int
    call: Callable[[], Any]


def run_parallel(work: Sequence[Job], processes: int, *, closed: Sequence[int] = ()) -> dict[str, Any]:
    """Run the jobs, the heaviest first, at most so many at a time, and return their results by name.

    The first failure ends the others. Children end with this process, however it ends; ``closed`` are
    descriptors that they must not keep open (the connection that holds the load's lock).

    Raises:
        Refusal: a job was refused, or its process was killed.
        RuntimeError: a job failed in a way that nobody foresaw; with its traceback.
    """
    waiting = sorted(work, key=lambda job: job.weight)
    results: dict[str, Any] = {}
    running: dict[int, tuple[int, Job, bytearray]] = {}
    with selectors.DefaultSelector() as selector:
        try:
            while waiting or running:
                while waiting and len(running) < max(1, processes):
                    job = waiting.pop()
                    pid, descriptor = _start(job, closed, list(running))
                    running[descriptor] = (pid, job, bytearray())
                    selector.register(descriptor, selectors.EVENT_READ)
                for key, _ in selector.select():
                    pid, job, received = running[key.fd]
                    block = os.read(key.fd, 1 << 16)
                    if block:
                        received.extend(block)
                        continue
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    del running[key.fd]
                    results[job.name] = _result(job, bytes(received), os.waitpid(pid, 0)[1])
        finally:
            for descriptor, (pid, _, _) in running.items():
                os.close(descriptor)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
    return results


def _start(job: Job, closed: Sequence[int], siblings: Sequence[int]) -> tuple[int, int]:
    reader, writer = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _run(job, writer, parent, [*closed, *siblings, reader])
    os.close(writer)
    return pid, reader


def _run(job: Job, writer: int, parent: int, closed: Sequence[int]) -> NoReturn:
    """Do the job in the child; it leaves by ``_exit``, so nothing of the parent's is flushed twice."""
    try:
        _die_with(parent)
        for descriptor in closed:
            os.close(descriptor)
        try:
            answer: dict[str, Any] = {"value": job.call()}
        except Refusal as refusal:
            answer = {"refusal": str(refusal)}
        except BaseException:  # noqa: BLE001 - reported by the parent
            answer = {"crash": traceback.format_exc()}
        with os.fdopen(writer, "wb") as stream:
            stream.write(json.dumps(answer).encode())
    finally:
        os._exit(0)


def _die_with(parent: int) -> None:
    """Have the kernel end this process with its parent, where the kernel can (Linux)."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _result(job: Job, received: bytes, status: int) -> Any:  # noqa: ANN401 - what the job returned
    if not received:
        how = f"by signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else "without a result"
        raise Refusal(
            f"{job.name}: its process ended {how} (out of memory?); see the host's log, then run again"
        )
    answer = json.loads(received)
    if "refusal" in answer:
        raise Refusal(answer["refusal"])
    if "crash" in answer:
        raise RuntimeError(f"{job.name}: {answer['crash']}")
    return answer["value"]
