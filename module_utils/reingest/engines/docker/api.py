"""The few calls of the Docker Engine API that services need, over its unix socket.

Only the standard library: the SDK costs 0.15 s a task. The paths carry no version, so that the engine answers
in its own newest one, from 1.41 (Docker 20.10) on.
"""

from __future__ import annotations

import http.client
import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from ...errors import Refusal

_ANSWER_S = 30.0


class EngineAbsent(Refusal):
    """Nothing listens at the engine's socket."""


class EngineDenied(Refusal):
    """The engine's socket is not for this account."""


@dataclass(frozen=True)
class Answer:
    """What the engine answered."""

    status: int
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - what JSON holds
        """Return the body as a value; None when it is empty."""
        return json.loads(self.body) if self.body.strip() else None

    def message(self) -> str:
        """Return the engine's own words for a failure."""
        try:
            return str(json.loads(self.body)["message"])
        except (ValueError, KeyError, TypeError):
            return self.body[:300].decode(errors="replace").strip() or f"status {self.status}"


class _SocketConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


@dataclass(frozen=True)
class DockerApi:
    """A Docker engine behind its socket."""

    socket: str
    patience: float = _ANSWER_S  # how long it may take to answer a call that waits for nothing

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        wait: float | None = None,
    ) -> Answer:
        """Make one call.

        Args:
            method: the HTTP method.
            path: the path without a version.
            query: what comes after the question mark.
            body: sent as JSON.
            wait: for a call that waits for something to happen: how many seconds it may.

        Raises:
            Refusal: the engine cannot be reached (``EngineAbsent``: there is none), or not by this account
                (``EngineDenied``), or does not answer.
            TimeoutError: ``wait`` is over.
        """
        target = f"{path}?{urlencode(query)}" if query else path
        connection = _SocketConnection(self.socket, self.patience if wait is None else wait)
        try:
            connection.request(
                method,
                target,
                body=None if body is None else json.dumps(body),
                headers={} if body is None else {"Content-Type": "application/json"},
            )
            reply = connection.getresponse()
            return Answer(reply.status, reply.read())
        except socket.timeout:  # a class of its own before Python 3.10, TimeoutError since
            if wait is not None:
                raise TimeoutError from None
            raise Refusal(
                f"Docker at {self.socket} does not answer {method} {path} within {self.patience:.0f} s"
            ) from None
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from None
        finally:
            connection.close()

    def container(self, name: str) -> dict[str, Any]:
        """Return what the engine knows of a container.

        Raises:
            Refusal: there is none of that name; the message lists those that there are.
        """
        answer = self.call("GET", f"/containers/{quote(name, safe='')}/json")
        found = answer.json() if answer.status == 200 else None
        # The engine also takes the beginning of an id for a name: `db` may be another container's.
        if isinstance(found, dict) and found.get("Name") == f"/{name}":
            return found
        if answer.status not in (200, 404):
            raise Refusal(f"Docker does not tell about container {name}: {answer.message()}")
        there = ", ".join(self._names()) or "none"
        raise Refusal(
            f"there is no container {name} on this host (there are: {there}): create it, or correct the "
            "service's name"
        )

    def process(self) -> int:
        """Return the process that listens, as this one numbers it; 0: it cannot be seen from here.

        Raises:
            Refusal: as ``call``.
        """
        connection = _SocketConnection(self.socket, self.patience)
        try:
            connection.connect()
            told = connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        except OSError as error:
            raise self._unreachable(error) from None
        finally:
            connection.close()
        return int(struct.unpack("3i", told)[0])

    def active(self) -> list[dict[str, Any]]:
        """Return the containers that run, are paused or are started again and again, as they are listed.

        Raises:
            Refusal: the engine does not tell.
        """
        states = json.dumps({"status": ["running", "paused", "restarting"]})
        answer = self.call("GET", "/containers/json", query={"filters": states})
        if answer.status != 200:
            raise Refusal(f"Docker does not list its containers: {answer.message()}")
        return list(answer.json() or [])

    def inspect(self, identifier: str) -> dict[str, Any]:
        """Return what the engine knows of the container of that id; empty when it is gone.

        Raises:
            Refusal: the engine does not tell.
        """
        answer = self.call("GET", f"/containers/{identifier}/json")
        if answer.status not in (200, 404):
            raise Refusal(f"Docker does not tell about container {identifier[:12]}: {answer.message()}")
        return dict(answer.json()) if answer.status == 200 else {}

    def volume(self, name: str) -> dict[str, Any]:
        """Return what the engine knows of a volume; empty when it is gone."""
        answer = self.call("GET", f"/volumes/{quote(name, safe='')}")
        found = answer.json() if answer.status == 200 else None
        return found if isinstance(found, dict) else {}

    def volumes(self) -> dict[str, dict[str, Any]]:
        """Return what the engine knows of its own (local) volumes, by name.

        Raises:
            Refusal: the engine does not tell.
        """
        answer = self.call("GET", "/volumes", query={"filters": json.dumps({"driver": ["local"]})})
        if answer.status != 200:
            raise Refusal(f"Docker does not list its volumes: {answer.message()}")
        return {one["Name"]: one for one in answer.json().get("Volumes") or []}

    def _unreachable(self, error: Exception) -> Refusal:
        if isinstance(error, PermissionError):
            return EngineDenied(
                f"this account may not use the Docker engine at {self.socket}: run as root (become: true) or "
                "add the account to the group that owns the socket"
            )
        absent = isinstance(error, (FileNotFoundError, ConnectionRefusedError))
        return (EngineAbsent if absent else Refusal)(
            f"Docker is not reachable at {self.socket} ({_reason(error)}): start the Docker engine of "
            "this host, or correct reingest_engine"
        )

    def _names(self) -> list[str]:
        answer = self.call("GET", "/containers/json", query={"all": "1"})
        listed = answer.json() if answer.status == 200 else []
        return sorted(name.lstrip("/") for one in listed for name in one["Names"] if name.count("/") == 1)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
