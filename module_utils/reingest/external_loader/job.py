"""The portal's own loader as a job of an HTTP server: started once, then asked until it ends."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from ..disclosure.seen_secrets import SHORTEST
from ..errors import Refusal
from .client import Client, Passing
from .log import LoaderLog

ID = "{id}"  # in an address: the job's id
_LONGEST = 200  # characters of an id, and of a state


@dataclass(frozen=True)
class Job:
    """A job endpoint.

    ``*_path`` are keys joined by dots in a JSON answer; ``log_path`` is empty where the log is plain text.
    ``status_url`` and ``log_url`` may be relative to ``url`` and hold ``{id}``. Times are in seconds;
    ``attempts`` is how often in a row a poll may go unanswered.
    """

    url: str
    token: str
    status_url: str
    success: tuple[str, ...]
    failure: tuple[str, ...]
    timeout: float
    body: Any = field(default_factory=dict)
    id_path: str = "id"
    status_path: str = "status"
    log_url: str = ""
    log_path: str = ""
    poll: float = 5.0
    attempts: int = 5
    ca_file: str = ""

    @property
    def name(self) -> str:
        """Return what it is called in sentences."""
        return self.url

    @property
    def values(self) -> Mapping[str, str]:
        """Return what must not be shown, by name."""
        return {"job.token": self.token}

    def check(self, secrets: Mapping[str, str]) -> None:  # noqa: ARG002 - as for a command, which shows what it is given
        """Refuse what cannot be asked.

        Raises:
            Refusal: an address, a time or a value is missing or wrong; nothing is asked.
        """
        if not self.token:
            raise Refusal("the loader has no token: set REINGEST_LOADER_TOKEN, or `job.token` from a vault")
        if len(self.token) < SHORTEST:
            raise Refusal(f"the loader's token has fewer than {SHORTEST} characters: give it a longer one")
        for key, url in (("url", self.url), ("status_url", self.status_url), ("log_url", self.log_url)):
            parts = urlsplit(urljoin(self.url, url))
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise Refusal(f"the loader's job.{key} {url!r} is no address: expected https://host/path")
            if parts.username is not None:
                raise Refusal(f"the loader's job.{key} has a login in it: use `job.token`")
        if not self.success or set(self.success) & set(self.failure):
            raise Refusal(
                "the loader's job.success must name the states of a job that ended well, none of job.failure"
            )
        if self.timeout <= 0 or self.poll <= 0 or self.attempts < 1:
            raise Refusal("the loader's job.timeout, job.poll and job.attempts must be more than 0")
        if self.ca_file and not Path(self.ca_file).is_file():
            raise Refusal(f"the loader's job.ca_file {self.ca_file} does not exist: correct it")

    def run(self, log: LoaderLog, *, closed: Sequence[int] = ()) -> None:  # noqa: ARG002 - it starts no process
        """Start the job, once, and follow its state and its log to the end.

        Raises:
            Refusal: it was not taken, it failed, by its state or by its log, or it did not end in time.
        """
        deadline = time.monotonic() + self.timeout
        client = Client(self.token, self.ca_file)
        job = self._start(client)
        seen = 0
        while True:
            state = self._state(client, job, deadline)
            if self.log_url:
                seen = self._follow(client, job, deadline, log, seen)
            if log.judge.fatal or state in (*self.success, *self.failure):
                break
            self._wait(deadline, job, f"it is {state!r}", log)
        log.end()
        if state in self.failure:
            words = log.judge.reason if log.judge.fatal else log.judge.last_words
            said = f"; {words}" if self.log_url else ""
            raise self._failed(job, f"its state is {state!r}{said}", log)
        if log.judge.reason:
            running = "" if state in self.success else f" (it is {state!r} and may run on: end it there)"
            raise self._failed(job, f"{log.judge.reason}{running}", log)

    def _start(self, client: Client) -> str:
        try:
            answer = client.post(self.url, self.body)
        except Passing as passing:
            raise Refusal(
                f"whether the job was started is not known: {passing}; it is not tried twice: "
                "look at the job server, end the job if it runs, then run again"
            ) from passing
        job = _at(_json(self.url, answer), self.id_path)
        if not isinstance(job, (str, int)) or isinstance(job, bool) or not 0 < len(str(job)) <= _LONGEST:
            raise Refusal(
                f"{self.url} took the job and answers no id at {self.id_path!r}: correct job.id_path; "
                "end the job there if it runs"
            )
        return str(job)

    def _state(self, client: Client, job: str, deadline: float) -> str:
        address = self._address(self.status_url, job)
        state = _at(_json(address, self._asked(client, address, job, deadline)), self.status_path)
        if not isinstance(state, (str, int)) or len(str(state)) > _LONGEST:
            raise Refusal(f"{address} answers no state at {self.status_path!r}: correct job.status_path")
        return str(state)

    def _asked(self, client: Client, address: str, job: str, deadline: float) -> bytes:
        for attempt in range(self.attempts):
            try:
                return client.get(address)
            except Passing as passing:
                reason = str(passing)
            if attempt + 1 < self.attempts:
                self._wait(deadline, job, reason)
        raise Refusal(f"job {job}: {reason}, {self.attempts} times in a row; {_MAY_RUN}")

    def _follow(self, client: Client, job: str, deadline: float, log: LoaderLog, seen: int) -> int:
        """Take what the log has more than before; return its length. A log that became shorter is new."""
        address = self._address(self.log_url, job)
        body = self._asked(client, address, job, deadline)
        if self.log_path:
            lines = _at(_json(address, body), self.log_path)
            text = "".join(f"{line}\n" for line in lines) if isinstance(lines, list) else str(lines or "")
            body = text.encode()
        if len(body) < seen:
            log.end()
            seen = 0
        log.take(body[seen:])
        return len(body)

    def _wait(self, deadline: float, job: str, state: str, log: LoaderLog | None = None) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            where = f"; see {log.path} on the worker" if log else ""
            raise Refusal(
                f"job {job} did not end within {self.timeout:g} s (job.timeout): {state}; {_MAY_RUN}{where}"
            )
        time.sleep(min(self.poll, left))

    def _address(self, url: str, job: str) -> str:
        return urljoin(self.url, url.replace(ID, quote(job, safe="")))

    def _failed(self, job: str, reason: str, log: LoaderLog) -> Refusal:
        return Refusal(
            f"job {job} of {self.url} failed: {reason}; all that it said is in {log.path} on the worker"
        )


_MAY_RUN = "it may run on: end it there before the next run"


def _json(address: str, body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(f"{address} does not answer JSON: correct the loader's `job:`") from error


def _at(value: object, path: str) -> Any:  # noqa: ANN401 - any JSON
    """Return what stands at a path of keys, numbers of elements included; None where it ends early."""
    for key in path.split("."):
        if isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        elif isinstance(value, dict):
            value = value.get(key)
        else:
            return None
    return value
