"""What is on the volume, as ``playbooks/status.yml`` says it; asked at most every few seconds."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from typing import Any

from plugins.module_utils.reingest.host.boot import machine
from plugins.module_utils.reingest.host.processes import started_at

from ..settings import Settings
from .launch import environment_of

_FRESH_S = 10.0
_CLAIM_FRESH_S = 2.0
_LONGEST_S = 120.0
_STDOUT = {"ANSIBLE_STDOUT_CALLBACK": "dataportal.reingest.status_json"}


class StatusError(Exception):
    """Nothing could be learned."""


class Status:
    """Keeps the last answer; several who ask at once get one answer."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._found: dict[str, Any] | None = None
        self._at = float("-inf")

    def known(self) -> dict[str, Any] | None:
        """Return the last answer, however old; None: nobody asked yet."""
        return self._found

    def now(self, *, fresh: float = _FRESH_S) -> dict[str, Any]:
        """Return what is there, at most ``fresh`` seconds old.

        Returns:
            ``volume``, ``load`` and ``failures``, see the callback ``status_json``.

        Raises:
            StatusError: the playbook did not answer.
        """
        with self._lock:
            if self._found is None or time.monotonic() - self._at > fresh:
                self._found, self._at = self._ask(), time.monotonic()
            return self._found

    def holder(self) -> dict[str, Any] | None:
        """Return the run that has the volume, of whoever started it; None where none has, or nobody can tell.

        One whose ansible-playbook ran on this machine and is gone does not count: the next run takes over
        from it.
        """
        try:
            lock = (self.now(fresh=_CLAIM_FRESH_S).get("volume") or {}).get("lock")
        except StatusError:
            return None  # the run itself will say what is wrong
        if not isinstance(lock, dict):
            return None
        here = lock.get("controller") == machine().partition("/")[0]
        return None if here and started_at(int(lock.get("process") or 0)) is None else lock

    def forget(self) -> None:
        """Have the next one who asks get a new answer."""
        self._at = float("-inf")

    def _ask(self) -> dict[str, Any]:
        settings = self._settings
        command = [str(settings.ansible_playbook), "playbooks/status.yml", "-i", str(settings.inventory)]
        if settings.vault_password_file is not None:
            command += ["--vault-password-file", str(settings.vault_password_file)]
        try:
            done = subprocess.run(  # noqa: S603 - a list of the settings' own
                command,
                cwd=settings.repository,
                env=environment_of(settings, _STDOUT),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_LONGEST_S,
                start_new_session=True,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise StatusError(f"playbooks/status.yml did not answer: {error}") from None
        start = done.stdout.find("{")
        try:
            found = json.loads(done.stdout[start:]) if start >= 0 else None
        except ValueError:
            found = None
        if not isinstance(found, dict) or "volume" not in found:
            told = " ".join((done.stderr or done.stdout).split())[-500:]
            raise StatusError(f"playbooks/status.yml ended with {done.returncode} and said nothing: {told}")
        return found
