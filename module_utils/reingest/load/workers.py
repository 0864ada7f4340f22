"""Work shared out to forked processes: Python runs on one core, a load wants all of them."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Callable, NoReturn

from ..errors import Refusal

_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


@dataclass(frozen=True)
class Job:
    """One piece of work; ``call`` returns what JSON can hold, and opens its own connections.

    ``width`` is how many cores it keeps busy.
    """

    name: str
    weight: int
    call: Callable[[], Any]
    width: int = 1


class Worker:
    """A process that does one job. It ends with this one, however that ends."""

    def __init__(self, job: Job, closed: Sequence[int] = ()) -> None:
        """Start it; ``closed`` are descriptors that it must not keep open."""
        self.job = job
        self._received = bytearray()
        self.descriptor, writer = os.pipe()
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            _run(job, writer, parent, [*closed, self.descriptor])
        os.close(writer)

    def fileno(self) -> int:
        """Return the descriptor that is readable when the process writes, or ends."""
        return self.descriptor

    def receive(self) -> bool:
        """Take what the process has written, and return whether that was all."""
        block = os.read(self.descriptor, 1 << 16)
        self._received.extend(block)
        return not block

    def result(self) -> Any:  # noqa: ANN401 - what the job returned
        """Wait for the end, and return the job's result.

        Raises:
            Refusal: the job was refused, or its process was killed.
            RuntimeError: the job failed in a way that nobody foresaw; with its traceback.
        """
        while not self.receive():
            pass
        os.close(self.descriptor)
        return _result(self.job, bytes(self._received), os.waitpid(self._pid, 0)[1])

    def kill(self) -> None:
        """End it at once."""
        os.close(self.descriptor)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


def run_parallel(work: Sequence[Job], processes: int, *, closed: Sequence[int] = ()) -> dict[str, Any]:
    """Run the jobs, the heaviest first, on so many cores, and return their results by name.

    The first failure ends the others. ``closed`` are descriptors that the children must not keep open (the
    connection that holds the load's lock).

    Raises:
        Refusal: a job was refused, or its process was killed.
        RuntimeError: a job failed in a way that nobody foresaw; with its traceback.
    """
    waiting = sorted(work, key=lambda job: job.weight)
    results: dict[str, Any] = {}
    running: list[Worker] = []

    def start() -> None:
        while waiting and (
            not running or sum(worker.job.width for worker in running) + waiting[-1].width <= processes
        ):
            running.append(Worker(waiting.pop(), [*closed, *(worker.descriptor for worker in running)]))

    try:
        start()
        for worker in as_ended(running):
            results[worker.job.name] = worker.result()
            start()
    finally:
        for worker in running:
            worker.kill()
    return results


def as_ended(running: list[Worker]) -> Iterator[Worker]:
    """Take each worker out of the list when its process ends, and yield it; the list may grow meanwhile."""
    while running:
        ready, _, _ = select.select(running, [], [])
        for worker in ready:
            if worker.receive():
                running.remove(worker)
                yield worker


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
