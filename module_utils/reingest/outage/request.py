"""One request to the portal, as a user makes it: over a connection of its own, no longer than declared."""

from __future__ import annotations

import base64
import errno
import http.client
import json
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from ..disclosure.printable import printable
from ..disclosure.secrets import masked, secret_texts
from ..host.web import Connection, Until, leads_on
from .answer import Answer

_MOST_BYTES = 1 << 20
_LONGEST_WHY = 300
_LATER_S = 1.0  # after which a request that was given up ends by itself, whatever it is sent
_REDIRECTS = 5
_MOVED = (301, 302, 303, 307, 308)
_LONGEST_RELEASE = 200
_NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH)
_OK = 200


@dataclass(frozen=True)
class Target:
    """The portal's address; ``key`` names the release in its JSON answer, empty: it names none."""

    url: str
    key: str
    timeout: float  # seconds from the look-up of the name to the last byte

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return what of the address is shown nowhere."""
        return secret_texts((self.url,))


def ask(target: Target) -> Answer:
    """Make one request, and give it up when its time is over, whatever it waits for.

    The time-out of a socket holds for each step by itself, and none holds for the look-up of a name: so the
    request has a thread, which is left to its end where a look-up of a name takes longer.
    """
    found: list[Answer] = []
    asking = threading.Thread(target=lambda: found.append(_asked(target)), daemon=True)
    asking.start()
    asking.join(target.timeout)
    if not found:
        return Answer(False, why=f"no whole answer within {target.timeout:g} s")
    answer = found[0]
    why = printable(masked(answer.why, target.secrets)[:_LONGEST_WHY])
    return Answer(answer.good, answer.release, why, answer.never)


def _asked(target: Target) -> Answer:
    try:
        return _followed(target, time.monotonic() + target.timeout + _LATER_S)
    except ssl.SSLCertVerificationError as error:
        return Answer(False, why=f"its certificate is not good: {error.verify_message}", never=True)
    except socket.gaierror as error:
        return Answer(False, why=f"its name is not found: {error.strerror}", never=True)
    except (http.client.InvalidURL, ValueError) as error:
        return Answer(False, why=f"it is no address: {error}", never=True)
    except OSError as error:
        return Answer(False, why=str(error.strerror or error), never=error.errno in _NO_ROUTE)
    except http.client.HTTPException as error:
        return Answer(False, why=str(error) or type(error).__name__)


def _followed(target: Target, deadline: float) -> Answer:
    """Ask, and follow where the answer leads on the same host."""
    url = target.url
    for _ in range(_REDIRECTS + 1):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return Answer(False, why="it is no http:// or https:// address", never=True)
        status, headers, body = _get(parts, Until(deadline, target.timeout + _LATER_S))
        if status in _MOVED and headers.get("Location"):
            before, url = url, urljoin(url, headers["Location"])
            why = leads_on(before, url)
            if why:
                return Answer(False, why=why)
            continue
        return _judged(status, body, target.key)
    return Answer(False, why=f"it redirects more than {_REDIRECTS} times")


def _get(parts: SplitResult, until: Until) -> tuple[int, Any, bytes]:
    connection: Connection
    host, timeout = str(parts.hostname), until.left()
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=context)
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=timeout)
    until.holds_for(connection)
    headers = {"User-Agent": "reingest", "Accept": "application/json, */*", "Cache-Control": "no-cache"}
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
    try:
        connection.request(
            "GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), headers=headers
        )
        reply = connection.getresponse()
        return reply.status, reply.headers, reply.read(_MOST_BYTES)
    finally:
        connection.close()


def _judged(status: int, body: bytes, key: str) -> Answer:
    if status != _OK:
        return Answer(False, why=f"it answers {status}")
    if not key:
        return Answer(True)
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return Answer(False, why="it does not answer JSON")
    release = document.get(key) if isinstance(document, dict) else None
    if not isinstance(release, str) or not release:
        return Answer(False, why=f"its answer names no {key}")
    return Answer(True, printable(release[:_LONGEST_RELEASE]))
