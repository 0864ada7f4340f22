"""A connection that changes what passes: rows are sent as they are, and other ones arrive.

A process of its own, because the load forks: its children would keep the sockets open.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import subprocess
import sys
import threading
from urllib.parse import urlsplit

_ROWS = b"d"  # the type of a message of rows, CopyData
_VERSION = 3 << 16  # of the protocol; messages before the one that names it have no type


@contextlib.contextmanager
def tampered(dsn, changes):
    """Give a connection string that leads to the same server and has rows changed on the way to it.

    ``changes`` are bytes by what they become, as long as they are.
    """
    assert all(len(before) == len(after) for before, after in changes.items())
    server = urlsplit(dsn)
    given = [[before.hex(), after.hex()] for before, after in changes.items()]
    command = [sys.executable, __file__, server.hostname, str(server.port), json.dumps(given)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            login = server.netloc.rpartition("@")[0]
            yield server._replace(netloc=f"{login}@127.0.0.1:{process.stdout.readline().strip()}").geturl()
        finally:
            process.terminate()


def serve(address, changes):
    """Take connections until this process is ended."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            client, _ = listener.accept()
            there = socket.create_connection(address)
            for passing in (forth, back):
                threading.Thread(target=passing, args=(client, there, changes), daemon=True).start()


def forth(client, there, changes):
    """Pass the client's messages on."""
    with contextlib.suppress(OSError, struct.error), client.makefile("rb") as sent:
        started = False
        while True:
            kind = sent.read(1) if started else b""
            size = sent.read(4)
            message = sent.read(struct.unpack("!I", size)[0] - 4)
            started = started or struct.unpack("!I", message[:4])[0] == _VERSION
            if kind == _ROWS:
                for before, after in changes:
                    message = message.replace(before, after)
            there.sendall(kind + size + message)
    with contextlib.suppress(OSError):
        there.shutdown(socket.SHUT_WR)


def back(client, there, _):
    """Pass the server's answers on."""
    with contextlib.suppress(OSError):
        while block := there.recv(1 << 16):
            client.sendall(block)
        client.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    host, port, given = sys.argv[1:]
    serve((host, int(port)), [tuple(map(bytes.fromhex, pair)) for pair in json.loads(given)])
