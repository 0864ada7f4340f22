"""Answers over HTTP that end in time, and lead nowhere else: who answers may be in the wrong hands.

The time-out of a socket holds for each read by itself, so that a byte now and then would be waited for
without end. And where an answer leads, this host asks with its own place in the network.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any, Union
from urllib.parse import SplitResult, urlsplit

Connection = Union[http.client.HTTPConnection, http.client.HTTPSConnection]


@dataclass(frozen=True)
class Until:
    """When an answer must be whole, by ``time.monotonic``; and for how many seconds it may be silent."""

    whole: float
    silent: float

    def left(self) -> float:
        """Return the seconds that the next read may take.

        Raises:
            TimeoutError: there are none.
        """
        left = min(self.silent, self.whole - time.monotonic())
        if left <= 0:
            raise TimeoutError("no whole answer in time")
        return left

    def holds_for(self, connection: Connection) -> Connection:
        """Have the answers of a connection end in time; return it."""
        connection.response_class = self._response  # type: ignore[assignment]
        return connection

    def _response(self, sock: Any, *options: Any, **named: Any) -> http.client.HTTPResponse:  # noqa: ANN401 - the library's own
        reading: Any = _Reading(sock, self)
        return http.client.HTTPResponse(reading, *options, **named)


def opener(until: Until, context: Any = None, *, follows: bool) -> urllib.request.OpenerDirector:  # noqa: ANN401 - ssl.SSLContext, whose import costs
    """Return what opens addresses.

    Args:
        until: for each of its answers.
        context: of TLS; None: what the system trusts.
        follows: whether redirects are followed that ``leads_on`` allows; else none is.
    """
    return urllib.request.build_opener(_Http(until), _Https(until, context), _Redirects(follows=follows))


def leads_on(before: str, after: str) -> str:
    """Return why a redirect is not followed; empty: it stays on the same host and port, or goes to https."""
    try:
        return _leads_on(urlsplit(before), urlsplit(after))
    except ValueError:
        return "it redirects to what is no address"


def _leads_on(here: SplitResult, there: SplitResult) -> str:
    if there.scheme not in ("http", "https") or not there.hostname:
        return "it redirects to what is no http:// or https:// address"
    if there.hostname != here.hostname:
        return f"it redirects to another host, {there.hostname}"
    if (here.scheme, there.scheme) == ("http", "https") or _origin(here) == _origin(there):
        return ""
    if here.scheme != there.scheme:
        return "it redirects from https to http"
    return f"it redirects to another port, {_origin(there)[1]}"


def _origin(parts: SplitResult) -> tuple[str, int]:
    return parts.scheme, parts.port or (443 if parts.scheme == "https" else 80)


class _Reading:
    """A socket, as an answer reads it."""

    def __init__(self, sock: socket.socket, until: Until) -> None:
        self._sock, self._until = sock, until

    def makefile(self, *_: object) -> io.BufferedReader:
        return io.BufferedReader(_InTime(self._sock, self._until))


class _InTime(io.RawIOBase):
    def __init__(self, sock: socket.socket, until: Until) -> None:
        self._sock, self._until = sock, until
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - the library's own
        self._sock.settimeout(self._until.left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Http(urllib.request.HTTPHandler):
    def __init__(self, until: Until) -> None:
        super().__init__()
        self._until = until

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        def connection(host: str, **options: Any) -> Connection:  # noqa: ANN401 - the library's own
            return self._until.holds_for(http.client.HTTPConnection(host, **options))

        return self.do_open(connection, req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, until: Until, context: Any) -> None:  # noqa: ANN401 - as above
        super().__init__(context=context)
        self._until, self._tls = until, context

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        def connection(host: str, **options: Any) -> Connection:  # noqa: ANN401 - the library's own
            return self._until.holds_for(http.client.HTTPSConnection(host, context=self._tls, **options))

        return self.do_open(connection, req)


class _Redirects(urllib.request.HTTPRedirectHandler):
    def __init__(self, *, follows: bool) -> None:
        self._follows = follows

    def redirect_request(self, req: urllib.request.Request, *told: Any) -> urllib.request.Request | None:  # noqa: ANN401 - as above
        if not self._follows:
            return None
        why = leads_on(req.full_url, told[-1])
        if why:
            raise urllib.error.URLError(why)
        return super().redirect_request(req, *told)
