"""The portal is watched for a while after a switch: whether it serves as well as users may expect."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from .request import Target, ask

INTERVAL_S = 0.5
_WORST = 0.95  # of the answers this part must be quick enough
_SHOWN = 3  # failures that are told


@dataclass(frozen=True)
class Limits:
    """What is still good enough."""

    errors: int = 0  # requests that may fail
    latency: float = 0.0  # seconds in which 19 of 20 answers must be there; 0: however long they take
    warm: float = 30.0  # seconds for which caches are cold, so that latency does not count
    timeout: float = 10.0  # seconds after which a request has failed


@dataclass
class Seen:
    """What was seen of the portal."""

    asked: int = 0
    failed: list[str] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)  # of good answers, since it is warm
    seconds: float = 0.0

    def late(self) -> float:
        """Return in how many seconds 19 of 20 answers were there; 0 where there were none."""
        found = sorted(self.latencies)
        return found[min(len(found) - 1, int(len(found) * _WORST))] if found else 0.0

    def told(self) -> str:
        """Return it as a sentence."""
        failed = f"{len(self.failed)} failed" if self.failed else "none failed"
        late = f", 19 of 20 answers were there in {self.late() * 1000:.0f} ms" if self.latencies else ""
        return f"{self.asked} requests in {self.seconds:.0f} s, {failed}{late}"

    def worse(self, limits: Limits) -> str:
        """Return why it is not good enough; empty when it is."""
        if len(self.failed) > limits.errors:
            some = "; ".join(self.failed[:_SHOWN])
            return f"{len(self.failed)} of {self.asked} requests failed, and {limits.errors} may ({some})"
        if limits.latency and self.late() > limits.latency:
            took = f"{self.late() * 1000:.0f} ms, and {limits.latency * 1000:.0f} ms is the limit"
            return f"19 of 20 answers took up to {took}"
        return ""


def soak(
    url: str,
    seconds: float,
    limits: Limits,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Seen:
    """Ask the portal as the prober does, for so many seconds; no longer once too many failed.

    Args:
        url: its address, which answers 200 when it is well.
        seconds: how long.
        limits: what is good enough.
        clock: the time, in seconds.
        sleep: waits.
    """
    seen, began = Seen(), clock()
    target = Target(url, "", limits.timeout)  # 200 is enough: that it serves the release is proven before
    while (at := clock() - began) < seconds:
        answer = ask(target)
        took = clock() - began - at
        seen.asked += 1
        if not answer.good:
            seen.failed.append(answer.why)
        elif at >= limits.warm:
            seen.latencies.append(took)
        if len(seen.failed) > limits.errors:
            break
        sleep(max(0.0, INTERVAL_S - took))
    seen.seconds = clock() - began
    return seen
