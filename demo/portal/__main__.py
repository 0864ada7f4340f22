"""Serve the portal: ``PYTHONPATH=demo PORTAL_DSN=postgresql://... python -m portal``."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

import waitress

from .app import create_app
from .queries import CONNECTIONS, connect

GRACE_S = 0.5  # for the requests under way when the portal is asked to stop: users wait for the stop


def main() -> int:
    """Serve until SIGTERM or SIGINT; settings come from the environment (see README.md of this directory)."""
    dsn = os.environ.get("PORTAL_DSN")
    if not dsn:
        print("portal: PORTAL_DSN is not set: give the database's libpq URL", file=sys.stderr)
        return 2
    host = os.environ.get("PORTAL_HOST", "127.0.0.1")
    port = os.environ.get("PORTAL_PORT", "8080")
    if not port.isdecimal():
        print(f"portal: PORTAL_PORT is {port!r}: give a number", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _stop)
    app = create_app(connect(dsn), broken_release=os.environ.get("PORTAL_BROKEN_RELEASE", ""))
    try:
        server = waitress.create_server(app, host=host, port=int(port), threads=CONNECTIONS, ident=None)
    except OSError as error:
        print(f"portal: cannot listen on {host}:{port}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"portal: serving on http://{host}:{port}", flush=True)
    server.run()  # returns when _stop has ended its loop and the requests under way are answered
    return 0


def _stop(_signum: int, _frame: FrameType | None) -> NoReturn:
    watchdog = threading.Timer(GRACE_S, os._exit, (0,))
    watchdog.daemon = True
    watchdog.start()
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
