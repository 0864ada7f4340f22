"""A web server that sends what it likes, as long as it likes."""

from __future__ import annotations

import socket
import time
from contextlib import contextmanager, suppress
from functools import partial

from listener import accept_each

_PAUSE_S = 0.05  # a byte now and then: no read is ever silent for long
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


class HostileWeb:
    """``send(client)`` answers each request."""

    def __init__(self, listener, send):
        self.port, self.send = listener.getsockname()[1], send
        self.url = f"http://127.0.0.1:{self.port}/health"
        self.asked = []


@contextmanager
def answering(send):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        web = HostileWeb(listener, send)
        accept_each(listener, partial(_talk, web=web))
        yield web


def _talk(client, web):
    with client, suppress(OSError):
        web.asked.append(client.recv(1 << 16))
        web.send(client)
        client.shutdown(socket.SHUT_WR)
        while client.recv(1 << 16):  # what is left unread would reset the connection
            pass


def _again_and_again(first, then):
    def send(client):
        client.sendall(first)
        while True:
            client.sendall(then)
            time.sleep(_PAUSE_S)

    return send


def at_once(content):
    return lambda client: client.sendall(content)


# An answer that is never whole, in each of its parts.
ENDLESS = {
    "status": _again_and_again(b"HTTP/1.1 200 ", b"x"),
    "continue": _again_and_again(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "header": _again_and_again(b"HTTP/1.1 200 OK\r\nX: ", b"x"),
    "body": _again_and_again(JSON + b'Content-Length: 1000000\r\n\r\n{"a": "', b"x"),
    "until it closes": _again_and_again(JSON + b'\r\n{"a": "', b"x"),
    "chunks": _again_and_again(JSON + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "trailer": _again_and_again(JSON + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", b"x: y\r\n"),
    "of an error": _again_and_again(b"HTTP/1.1 503 no\r\nContent-Length: 1000000\r\n\r\n", b"x"),
}
DEEP = b"[" * 100_000
