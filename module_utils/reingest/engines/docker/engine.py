"""Services as containers of this host's Docker engine."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from ...disclosure.secrets import masked, secrets_in
from ...errors import Refusal
from ...fs.durable import sync_directory
from ...fs.durable_record import DurableRecord
from ...fs.record_values import record_from
from ..model import POSTGRESQL, Service, Stopped
from ..record_file import record_file
from .address import SOCKET
from .api import Answer, DockerApi
from .paths import data_faults

_LINES = 5
_RETRY_S = 0.02
_ENDINGS = 5  # how often the process may end just while its policy is changed
_KILL_S = 30.0
_KILLED = 137  # the exit code of what SIGKILL ended
_SETTLED = timedelta(seconds=10)  # as Docker sees it: a run that was longer starts its waiting times anew
_NO_POLICY = {"Name": "no", "MaximumRetryCount": 0}


@dataclass(frozen=True)
class _PutAside:
    """The restart policy of a stopped container, which its next start gives back."""

    container: str
    policy: Mapping[str, Any]


@dataclass(frozen=True)
class DockerEngine:
    """Runs services that are containers already; it creates none.

    A stopped container must stay stopped while its directory moves, also when the Docker engine restarts:
    the restart policy is put down in ``<records>/<name>.json`` and set to ``no`` before the stop, and given
    back just before the start.
    """

    records: Path
    socket: str = SOCKET

    def running(self, service: Service) -> bool:
        """Return whether the container runs.

        One that Docker starts again and again runs, too, as long as it may still come up; a PostgreSQL in
        that state is broken, and waiting for it would only make the outage longer.
        """
        state = self._container(service)["State"]
        if state.get("Restarting"):
            return service.kind != POSTGRESQL
        return bool(state["Running"])

    def containers(self, service: Service) -> tuple[str, ...]:
        """Return the container: it has the service's name."""
        return (service.name,)

    def processes(self, service: Service) -> tuple[int, ...]:  # noqa: ARG002 - the protocol's
        """Return none: those of its container are known by that."""
        return ()

    def returns(self, service: Service) -> bool:
        """Return whether a restart policy may start the container again after it was stopped."""
        return bool(_policy(self._container(service)))

    def held(self, service: Service) -> bool:
        """Return whether a stop has put the container's restart policy aside."""
        return self._record(service, self._container(service)["Id"]) is not None

    def faults(self, service: Service) -> list[str]:
        """Return why the container is not there, or not to be used as the inventory says."""
        try:
            container = self._container(service)
        except Refusal as refusal:
            return [str(refusal)]
        faults = []
        if container["HostConfig"].get("AutoRemove"):
            faults.append(
                f"container {service.name} was created with --rm, a stop would delete it: create it without"
            )
        if service.kind == POSTGRESQL:
            faults += data_faults(service, container, self._api.volume)
        return faults

    def group_faults(self, services: Sequence[Service]) -> list[str]:
        """Return whether the PostgreSQLs run from one image.

        Another image may have another account (uid) or another C library, whose collations order texts
        differently.
        """
        images: dict[str, list[str]] = {}
        for service in services:
            if service.kind == POSTGRESQL:
                images.setdefault(self._container(service)["Image"], []).append(service.name)
        if len(images) < 2:
            return []
        shown = " and ".join(f"{', '.join(names)} ({image[:19]})" for image, names in images.items())
        return [
            f"the PostgreSQL containers are of different images: {shown}; another image may have another uid "
            "or C library, which gives unreadable files or corrupt indexes: create them from one image"
        ]

    def start(self, service: Service) -> None:
        """Give the restart policy back and start the container; one that runs already is left running."""
        container = self._container(service)
        identifier = container["Id"]
        policy = self._record(service, identifier)
        if policy is not None:
            self._set_policy(service, identifier, policy)
        answer = self._api.call("POST", f"/containers/{identifier}/start")
        if answer.status not in (204, 304):
            raise Refusal(f"Docker does not start {service.name}: {answer.message()}")
        self._forget(service)

    def prepare_stop(self, service: Service) -> None:
        """Put the restart policy aside."""
        self._hold(service, self._container(service))

    def stop(self, service: Service, timeout: float) -> Stopped:
        """Stop the container so that it stays stopped.

        A PostgreSQL gets SIGINT (fast shutdown) and is never killed; anything else gets its image's stop
        signal, and is killed when the time is over.

        Raises:
            Refusal: a PostgreSQL still runs after ``timeout`` seconds.
        """
        container = self._container(service)
        identifier = container["Id"]
        self._hold(service, container)
        state = container["State"]
        if not state["Running"] and not state.get("Restarting"):
            return Stopped(None)
        if service.kind != POSTGRESQL:
            return self._stop(service, identifier, timeout)
        answer = self._api.call("POST", f"/containers/{identifier}/kill", query={"signal": "SIGINT"})
        if answer.status == 409 and not state.get("Paused"):  # between two restarts, or it has just ended
            self._stop(service, identifier, timeout)
            return Stopped(None)
        self._expect(service, answer, "stop")
        stopped = self._wait(service, identifier, timeout)
        return Stopped(None) if _loops(container) else stopped  # it ended by itself, as it did before

    def healthy(self, service: Service) -> bool | None:
        """Return what the container's own health check says; None: it has none."""
        state = self._container(service)["State"]
        if not state["Running"] or state.get("Restarting"):
            return False
        status = (state.get("Health") or {}).get("Status", "none")
        return None if status == "none" else bool(status == "healthy")

    def last_words(self, service: Service) -> str:
        """Return the last lines of the container's log; empty where its log cannot be read."""
        try:
            container = self._container(service)
            answer = self._api.call(
                "GET",
                f"/containers/{container['Id']}/logs",
                query={"stdout": "1", "stderr": "1", "tail": str(_LINES)},
            )
        except Refusal:
            return ""
        if answer.status != 200:
            return ""
        raw = answer.body if container["Config"].get("Tty") else demultiplexed(answer.body)
        lines = [line.strip() for line in raw.decode("utf-8", errors="replace").splitlines()]
        variables = dict(one.partition("=")[::2] for one in container["Config"].get("Env") or [])
        return masked(" | ".join([line for line in lines if line][-_LINES:]), secrets_in(variables))

    @property
    def _api(self) -> DockerApi:
        return DockerApi(self.socket)

    def _container(self, service: Service) -> dict[str, Any]:
        return self._api.container(service.name)

    def _stop(self, service: Service, identifier: str, timeout: float) -> Stopped:
        query = {"t": str(max(1, round(timeout)))}
        began = time.monotonic()
        try:
            # The engine kills it when the time is over; an answer that then still does not come, never comes.
            answer = self._api.call(
                "POST", f"/containers/{identifier}/stop", query=query, wait=timeout + _KILL_S
            )
        except TimeoutError:
            raise Refusal(
                f"container {service.name} still runs, Docker could not kill it: look at the engine's log"
            ) from None
        self._expect(service, answer, "stop")
        code = int(self._container(service)["State"]["ExitCode"])
        return Stopped(code, killed=code == _KILLED and time.monotonic() - began >= int(query["t"]))

    def _wait(self, service: Service, identifier: str, timeout: float) -> Stopped:
        deadline = time.monotonic() + timeout
        while True:
            left = deadline - time.monotonic()
            try:
                # The engine answers the moment the process is gone; it keeps the call open until then.
                answer = self._api.call("POST", f"/containers/{identifier}/wait", wait=max(left, _RETRY_S))
            except TimeoutError:
                raise Refusal(
                    f"container {service.name} still runs {timeout:.0f} s after it was asked for a fast "
                    "shutdown; it was not killed: look at its log and stop it in order, or raise "
                    "reingest_stop_timeout"
                ) from None
            except Refusal:
                if left <= 0:
                    raise
                time.sleep(_RETRY_S)  # the Docker engine itself restarts
                continue
            self._expect(service, answer, "wait for")
            return Stopped(int(answer.json()["StatusCode"]))

    def _hold(self, service: Service, container: dict[str, Any]) -> None:
        identifier = container["Id"]
        policy = _policy(container)
        if not policy:
            return  # it has none, or a stop before this one has put it aside: that record stands
        self.records.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_directory(self.records.parent)
        self._put_aside(service).write(_PutAside(identifier, policy))
        self._set_policy(service, identifier, _NO_POLICY)

    def _record(self, service: Service, identifier: str) -> dict[str, Any] | None:
        """Return the policy that was put aside; a record of a container that is gone is stale."""
        record = self._put_aside(service).read()
        return dict(record.policy) if record is not None and record.container == identifier else None

    def _forget(self, service: Service) -> None:
        if self._file(service).exists():
            self._put_aside(service).remove()

    def _put_aside(self, service: Service) -> DurableRecord[_PutAside]:
        return DurableRecord(
            self._file(service),
            lambda raw: record_from(_PutAside, raw),
            called="the restart policy that was put aside,",
            if_damaged=": give the container its policy (docker update --restart), then delete that file",
        )

    def _set_policy(self, service: Service, identifier: str, policy: dict[str, Any]) -> None:
        for _ in range(_ENDINGS):
            answer = self._api.call(
                "POST", f"/containers/{identifier}/update", body={"RestartPolicy": policy}
            )
            # The engine updates a running process in the same call, and takes all of it back where that
            # process ends in this moment: a container that is started again and again does.
            if answer.status != 500 or not answer.message().startswith("Cannot update container"):
                break
            time.sleep(_RETRY_S)
        self._expect(service, answer, "change the restart policy of")

    def _file(self, service: Service) -> Path:
        return record_file(self.records, service.name, "json")

    @staticmethod
    def _expect(service: Service, answer: Answer, verb: str) -> None:
        if answer.status >= 400:
            raise Refusal(f"Docker does not {verb} container {service.name}: {answer.message()}")


def demultiplexed(stream: bytes) -> bytes:
    """Return the text of a log without terminal: frames of ``stream 0 0 0 length(4, big endian) text``."""
    out, at = bytearray(), 0
    while at + 8 <= len(stream):
        end = at + 8 + int.from_bytes(stream[at + 4 : at + 8], "big")
        out += stream[at + 8 : end]
        at = end
    return bytes(out)


def _loops(container: dict[str, Any]) -> bool:
    """Return whether the container came up again a moment ago, and likely goes down again."""
    if not container.get("RestartCount"):
        return False
    # Nanoseconds and a Z, in UTC: more than Python 3.9 reads.
    started = datetime.fromisoformat(f"{container['State']['StartedAt'][:19]}+00:00")
    return datetime.now(timezone.utc) - started < _SETTLED


def _policy(container: dict[str, Any]) -> dict[str, Any] | None:
    """Return the restart policy; None when the container has none."""
    policy = container["HostConfig"].get("RestartPolicy") or {}
    return dict(policy) if policy.get("Name", "") not in ("", "no") else None
