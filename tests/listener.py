"""Answers whoever connects, for tests in which a server is hostile."""

from __future__ import annotations

import threading
from contextlib import suppress


def accept_each(listener, talk):
    """Have ``talk(client)`` answer each connection in a thread of its own, until the listener is closed."""
    threading.Thread(target=_accept, args=(listener, talk), daemon=True).start()


def _accept(listener, talk):
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=talk, args=(client,), daemon=True).start()
