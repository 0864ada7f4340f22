"""Six jobs that are begun in one instant, for the tests of the control service's store."""

from __future__ import annotations

import threading

from service.store.jobs import Occupied, Order


def begin_six(store):
    """Begin six jobs at once; return what came of each: the job, or the one that was in the way."""
    came, ready = [], threading.Barrier(6)

    def begin():
        ready.wait()
        try:
            came.append(store.begin(Order("load", {}, False, "0000-0002-1825-0097", through="session")))
        except Occupied as occupied:
            came.append(occupied.job)

    threads = [threading.Thread(target=begin) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return came
