"""Services that are begun to start before it is their turn, because they wait for it by themselves."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from ..engines.model import Engine, Service
from ..errors import Refusal


@contextmanager
def starting(engine: Engine, services: Iterable[Service]) -> Iterator[None]:
    """Begin to start services that need not be waited for, while the block does something else.

    One that does not start is no failure: who brings it up afterwards starts it again, and tells.
    """

    def begin(service: Service) -> None:
        with suppress(Refusal, OSError):
            engine.start(service)

    threads = [threading.Thread(target=begin, args=(service,)) for service in services]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join()
