"""What listens in the place of a pooler's admin console, and answers as it likes, in PostgreSQL's words."""

from __future__ import annotations

import socket
import struct
from contextlib import contextmanager, suppress
from functools import partial

from listener import accept_each

_INT4, _TEXT = 23, 25
TOLD = {
    "client_encoding": "UTF8",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "server_version": "1.24.0/bouncer",
    "standard_conforming_strings": "on",
}
# What an honest console tells.
ENTRY = {
    "name": "portal",
    "host": "db",
    "port": 5432,
    "database": "portal",
    "pool_mode": "session",
    "paused": 0,
    "disabled": 0,
}
SERVER = {
    "database": "portal",
    "state": "active",
    "link": "0x1",
    "user": "web",
    "application_name": "x",
    "request_time": "now",
    "remote_pid": 1,
}
_SSL, _GSS = 80877103, 80877104


def message(kind, content):
    return kind + struct.pack("!i", len(content) + 4) + content


def row_of(values):
    fields = b""
    for value in values:
        raw = None if value is None else value if isinstance(value, bytes) else str(value).encode()
        fields += struct.pack("!i", -1) if raw is None else struct.pack("!i", len(raw)) + raw
    return message(b"D", struct.pack("!h", len(values)) + fields)


def rows(*found):
    """Return the messages of an answer: rows as dicts of the same names."""
    names = list(found[0]) if found else ["nothing"]
    fields = b""
    for name in names:
        kind = _INT4 if found and isinstance(found[0][name], int) else _TEXT
        fields += name.encode() + b"\0" + struct.pack("!ihihih", 0, 0, kind, -1, -1, 0)
    head = message(b"T", struct.pack("!h", len(names)) + fields)
    return head + b"".join(row_of(one.values()) for one in found) + END


END = message(b"C", b"SHOW\0") + message(b"Z", b"I")


class HostilePooler:
    """``answers`` are bytes by statement; what is a function gets the socket and writes there itself."""

    def __init__(self, listener):
        self.port = listener.getsockname()[1]
        self.answers = {}
        self.asked = []

    @property
    def raw(self):
        admin = f"host=127.0.0.1 port={self.port} user=admin sslmode=disable"
        return {"admin": admin, "database": "portal"}


@contextmanager
def listening():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pooler = HostilePooler(listener)
        accept_each(listener, partial(_talk, pooler=pooler))
        yield pooler


def _talk(client, pooler):
    with client, suppress(OSError, struct.error):
        length, code = struct.unpack("!ii", _read(client, 8))
        while code in (_SSL, _GSS):
            client.sendall(b"N")
            length, code = struct.unpack("!ii", _read(client, 8))
        _read(client, length - 8)
        status = b"".join(message(b"S", f"{key}\0{value}\0".encode()) for key, value in TOLD.items())
        client.sendall(message(b"R", struct.pack("!i", 0)) + status + message(b"Z", b"I"))
        while (kind := _read(client, 1)) != b"X":
            content = _read(client, struct.unpack("!i", _read(client, 4))[0] - 4)
            if kind != b"Q":
                return
            statement = content.rstrip(b"\0").decode()
            pooler.asked.append(statement)
            answer = pooler.answers.get(statement, END)
            if callable(answer):
                answer(client)
            else:
                client.sendall(answer)


def _read(client, size):
    found = b""
    while len(found) < size:
        block = client.recv(size - len(found))
        if not block:
            raise ConnectionResetError
        found += block
    return found
