"""A portal of the tests: it answers what it is told to, over real sockets."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Portal:
    """What the next answers are: a status, a release, a place to look elsewhere, how long it takes."""

    def __init__(self, server):
        self.server = server
        self.port = server.server_address[1]
        self.status, self.release, self.location, self.wait = 200, "r1", "", 0.0
        self.body = None
        self.asked, self.at_once, self.most_at_once = [], 0, 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/health"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        portal = self.server.portal
        portal.at_once += 1
        portal.most_at_once = max(portal.most_at_once, portal.at_once)
        portal.asked.append((time.monotonic(), self.path, dict(self.headers)))
        try:
            time.sleep(portal.wait)
            moved = portal.location and self.path == "/health"
            self.send_response(302 if moved else portal.status)
            if moved:
                self.send_header("Location", portal.location)
            self.end_headers()
            body = (
                portal.body if portal.body is not None else json.dumps({"release": portal.release}).encode()
            )
            self.wfile.write(body)
        except OSError:
            pass  # who asked did not wait
        finally:
            portal.at_once -= 1

    def log_message(self, *_):
        pass


def _port():
    """Return a free port that no client gets: who asks a closed one of those may be connected with itself."""
    for port in random.sample(range(20_000, 32_000), 100):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no port is free")


@contextmanager
def serving(port=0, context=None):
    """Serve until the end; with a TLS context by https."""
    server = ThreadingHTTPServer(("127.0.0.1", port or _port()), _Handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.portal = Portal(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.portal
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
