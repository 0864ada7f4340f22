"""The service's own key, and what says for whom a run is."""

from __future__ import annotations

import os
import subprocess
from typing import Any

from ..settings import Settings, SettingsError
from ..store.jobs import Job


class ServiceKey:
    """Made at the first start; counts where the operator of a host lists it."""

    def __init__(self, settings: Settings) -> None:
        """Make the key where there is none.

        Raises:
            SettingsError: it cannot be made.
        """
        self._path = settings.state / "key"
        self._name = settings.name
        if not self._path.exists():
            settings.state.mkdir(mode=0o700, parents=True, exist_ok=True)
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"service:{self._name}"]
            umask = os.umask(0o077)
            try:
                subprocess.run([*command, "-f", str(self._path)], check=True, stdin=subprocess.DEVNULL)  # noqa: S603
            except (OSError, subprocess.CalledProcessError) as error:
                raise SettingsError(
                    f"the service's key cannot be made ({error}): install OpenSSH's client"
                ) from None
            finally:
                os.umask(umask)

    def line(self) -> str:
        """Return the line for the signers' file."""
        kind, key = self._path.with_suffix(".pub").read_text(encoding="ascii").split()[:2]
        return f'service:{self._name} namespaces="reingest" {kind} {key}'

    def variables(self, job: Job) -> dict[str, Any]:
        """Return the variables of a job that say who runs it."""
        through = f"{job.through} of " if job.through.startswith("token ") else ""
        how = f", authenticated by {job.authenticated}" if job.authenticated else ""
        return {
            "reingest_operator": job.person,
            "reingest_signing_key": str(self._path),
            "reingest_service": f"{self._name} for {through}{job.person}{how}, job {job.id}",
        }
