"""A loader's log, line by line: which lines end the load, which are known, which say how far it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import Refusal

ERROR = r"ERROR|CRITICAL|Traceback"
_SHOWN_ERRORS = 3
_SHOWN_LENGTH = 300


@dataclass(frozen=True)
class Patterns:
    """What to look for, anywhere in a line; ``error`` counts where no benign pattern matches."""

    fatal: tuple[re.Pattern[str], ...]
    benign: tuple[re.Pattern[str], ...]
    progress: tuple[re.Pattern[str], ...]
    error: re.Pattern[str]


def compile_patterns(
    *,
    fatal: Sequence[str] = (),
    benign: Sequence[str] = (),
    progress: Sequence[str] = (),
    error: str = ERROR,
) -> Patterns:
    """Return the patterns.

    Raises:
        Refusal: one is not a regular expression.
    """
    return Patterns(
        fatal=tuple(_compiled("fatal", pattern) for pattern in fatal),
        benign=tuple(_compiled("benign", pattern) for pattern in benign),
        progress=tuple(_compiled("progress", pattern) for pattern in progress),
        error=_compiled("error", error),
    )


class Judge:
    """Looks at each line once, in order, and remembers what decides the load."""

    def __init__(self, patterns: Patterns) -> None:
        self._patterns = patterns
        self._errors: list[str] = []
        self._count = 0
        self.lines = 0
        self.fatal = ""
        self.progress = ""
        self.last = ""

    def look(self, line: str) -> None:
        """Judge one line; a fatal pattern counts before a benign one."""
        self.lines += 1
        self.last = line[:_SHOWN_LENGTH]
        if _matches(self._patterns.progress, line):
            self.progress = line[:_SHOWN_LENGTH]
        if _matches(self._patterns.fatal, line):
            self.fatal = self.fatal or line[:_SHOWN_LENGTH]
        elif self._patterns.error.search(line) and not _matches(self._patterns.benign, line):
            self._count += 1
            if self._count <= _SHOWN_ERRORS:
                self._errors.append(f"line {self.lines}: {line[:_SHOWN_LENGTH]}")

    @property
    def reason(self) -> str:
        """Return why the log fails the load; empty when it does not."""
        if self.fatal:
            return f"it logged what is declared fatal: {self.fatal}"
        if self._count:
            more = f" (and {self._count - _SHOWN_ERRORS} more)" if self._count > _SHOWN_ERRORS else ""
            return (
                f"it logged errors that no benign pattern knows: {' | '.join(self._errors)}{more}; "
                "where one is harmless, declare it in `benign:`"
            )
        return ""


def _matches(patterns: Sequence[re.Pattern[str]], line: str) -> bool:
    return any(pattern.search(line) for pattern in patterns)


def _compiled(kind: str, pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise Refusal(
            f"the loader's {kind} pattern {pattern!r} is no regular expression: {error}; correct it"
        ) from error
