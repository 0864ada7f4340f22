"""The portal's own loader as a command on the worker."""

from __future__ import annotations

import os
import select
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..disclosure.seen_secrets import SHORTEST, refuse_shown, short_secrets
from ..errors import Refusal
from .keeper import start_kept
from .log import LoaderLog

_BLOCK = 1 << 16


class EndedLoader(Refusal):
    """A loader that did not end by itself: it could not put right what it leaves."""


@dataclass(frozen=True)
class Command:
    """What to run; ``secrets`` are variables whose values are never shown, ``timeout`` is in seconds."""

    argv: tuple[str, ...]
    directory: Path
    timeout: float
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return what it is called in sentences."""
        return " ".join(self.argv)

    @property
    def values(self) -> Mapping[str, str]:
        """Return what must not be shown, by name."""
        return dict(self.secrets)

    def check(self, secrets: Mapping[str, str]) -> None:
        """Refuse what cannot be run; of the secrets each text has the name of what holds it.

        Raises:
            Refusal: no such program or directory, or a secret where it would be seen.
        """
        if not self.argv:
            raise Refusal("the loader has no argv: give its program and arguments as a list")
        if self.timeout <= 0:
            raise Refusal(f"the loader's timeout is {self.timeout:g} s: give more than 0")
        short = short_secrets(self.secrets)
        if short:
            raise Refusal(
                f"of the loader's secrets {short[0]} has fewer than {SHORTEST} characters, and would be "
                "masked wherever they stand in its log: give it a longer value"
            )
        refuse_shown(secrets, self.argv, self.environment)
        if not self.directory.is_dir():
            raise Refusal(f"the loader's directory {self.directory} is not there: create it, or correct it")
        program = self.argv[0]
        path = self.variables().get("PATH")
        found = self.directory / program if "/" in program else shutil.which(program, path=path)
        if found is None or not os.access(found, os.X_OK):
            raise Refusal(
                f"the loader's program {program} is not there, or not executable: install it on the worker, "
                "or correct argv"
            )

    def run(self, log: LoaderLog, *, closed: Sequence[int] = ()) -> None:
        """Run it to its end, following its log; with it end all processes that it started.

        Args:
            log: where its output goes.
            closed: descriptors that its keeper must not hold open.

        Raises:
            Refusal: it failed, by its exit code or by its log, or did not end in time.
        """
        deadline = time.monotonic() + self.timeout
        kept = start_kept(self.argv, self.variables(), self.directory, closed=closed)
        late = False
        try:
            while not log.judge.fatal:
                left = deadline - time.monotonic()
                late = left <= 0
                if late:
                    break
                if select.select([kept.output], [], [], left)[0]:
                    block = os.read(kept.output, _BLOCK)
                    if not block:
                        break
                    log.take(block)
        finally:
            kept.end()
            with suppress(OSError):
                while block := os.read(kept.output, _BLOCK):  # its last words
                    log.take(block)
            os.close(kept.output)
            log.end()
            ended = kept.wait()
        if log.judge.fatal:
            raise EndedLoader(self._told(log.judge.reason, log))
        if late:
            raise EndedLoader(
                self._told(
                    f"it did not end within {self.timeout:g} s (its timeout); it and its processes were "
                    "ended",
                    log,
                )
            )
        if ended != "0":
            by_itself = bool(ended) and not ended.startswith(("it ", "signal"))
            how = f"exit code {ended}" if by_itself else ended or "its keeper was killed"
            kind = Refusal if by_itself else EndedLoader
            raise kind(self._told(f"{how}; {log.judge.last_words}", log))
        if log.judge.reason:
            raise Refusal(self._told(log.judge.reason, log))

    def variables(self) -> dict[str, str]:
        """Return its environment: the account's own, and what is declared."""
        # A Python loader would keep its lines back until they fill a block.
        return {"PYTHONUNBUFFERED": "1", **os.environ, **self.environment, **self.secrets}

    def _told(self, reason: str, log: LoaderLog) -> str:
        return f"the loader {self.argv[0]} failed: {reason}; all that it said is in {log.path} on the worker"
