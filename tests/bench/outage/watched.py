"""What users see meanwhile: a prober, one request after the other, and readers, so many requests a second."""

from __future__ import annotations

import multiprocessing
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

PROBE_EVERY_S = 0.01
PROBE_TIMEOUT_S = 2.0
READS_A_SECOND = 50
READ_TIMEOUT_S = 20.0
_READERS = 512  # requests that wait at the same time, at the most


@dataclass(frozen=True)
class Request:
    """One request: when it was due and when its answer was complete, by the machine's monotonic clock."""

    began: float
    ended: float
    good: bool


@dataclass(frozen=True)
class Seen:
    """All requests of a switch."""

    probes: tuple[Request, ...]
    reads: tuple[Request, ...]

    @property
    def gap(self) -> tuple[float, float]:
        """The ends of the two good answers with the longest time between them."""
        ends = [one.ended for one in self.probes if one.good]
        return max(zip(ends, ends[1:]), key=lambda pair: pair[1] - pair[0])

    def figures(self) -> dict[str, float]:
        last, first = self.gap
        waited = [one.ended - one.began for one in self.reads if one.good]
        return {
            "outage_s": round(first - last, 3),
            "failed": sum(not one.good for one in self.reads),
            "worst_ms": round(1000 * max(waited), 1),
            "reads": len(self.reads),
            "failed_probes": sum(not one.good for one in self.probes),
        }


class Watch:
    """A prober and readers in processes of their own, from the entry to ``seen``."""

    def __init__(self, health: str, page: str) -> None:
        new = multiprocessing.get_context("spawn")  # with none of this process's files
        self._stop = new.Event()
        self._ends = []
        for work, url in ((_probe, health), (_read, page)):
            here, there = new.Pipe(duplex=False)
            process = new.Process(target=work, args=(self._stop, url, there), daemon=True)
            process.start()
            there.close()
            self._ends.append((process, here))
        for _, here in self._ends:
            assert here.recv() == "good", "the portal does not answer before the switch"

    def seen(self) -> Seen:
        """End both, and return what they saw."""
        self._stop.set()
        found = []
        for process, here in self._ends:
            found.append(tuple(Request(*one) for one in here.recv()))
            process.join()
        return Seen(*found)


def good(url: str, timeout: float) -> bool:
    """Return whether an address answers 200 within the time, over a connection of its own."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    try:
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        answer.read()
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
    return answer.status == 200


def wait_good(url: str, patience: float = 60.0) -> None:
    deadline = time.monotonic() + patience
    while not good(url, PROBE_TIMEOUT_S):
        assert time.monotonic() < deadline, f"{url} does not answer within {patience:.0f} s"
        time.sleep(0.02)


def _probe(stop, url, told):
    wait_good(url)
    told.send("good")
    found = []
    while not stop.is_set():
        began = time.monotonic()
        well = good(url, PROBE_TIMEOUT_S)
        ended = time.monotonic()
        found.append((began, ended, well))
        time.sleep(max(0.0, began + PROBE_EVERY_S - ended))
    told.send(found)


def _read(stop, url, told):
    """Begin a request when each is due, however long earlier ones take; its time counts from then."""
    wait_good(url)
    told.send("good")
    found, lock = [], threading.Lock()

    def read(due):
        well = good(url, READ_TIMEOUT_S)
        with lock:
            found.append((due, time.monotonic(), well))

    with ThreadPoolExecutor(_READERS) as pool:
        due = time.monotonic()
        while not stop.is_set():
            pool.submit(read, due)
            due += 1 / READS_A_SECOND
            time.sleep(max(0.0, due - time.monotonic()))
    told.send(sorted(found))
