"""A loader's log, line by line: which lines end the load, which are known, which say how far it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import Refusal

ERROR = r"ERROR|CRITICAL|Traceback|Error:"
_SHOWN_ERRORS = 5  # kinds of lines
_MOST_KINDS = 1000  # that are told apart; the rest counts as one
_SHOWN_LENGTH = 300
# In what lines of one kind differ: names, numbers, digests, times.
_VARIES = re.compile(r"'[^']*'|\"[^\"]*\"|\b[0-9A-Fa-f-]{8,}\b|\d+")


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
        self._errors: dict[str, tuple[str, int]] = {}  # by kind the first line, and how many there are
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
            kind = _VARIES.sub("#", line[:_SHOWN_LENGTH]) if len(self._errors) < _MOST_KINDS else ""
            first, count = self._errors.get(kind, (f"line {self.lines}: {line[:_SHOWN_LENGTH]}", 0))
            self._errors[kind] = first, count + 1

    @property
    def errors(self) -> str:
        """Return the lines that are errors, the most frequent kind first; empty where there is none."""
        kinds = sorted(self._errors.values(), key=lambda kind: -kind[1])
        told = [f"{count:,} like {first}" if count > 1 else first for first, count in kinds[:_SHOWN_ERRORS]]
        left = self._count - sum(count for _, count in kinds[:_SHOWN_ERRORS])
        return " | ".join([*told, f"and {left:,} more"] if left else told)

    @property
    def last_words(self) -> str:
        """Return what to tell of a loader that failed by itself: its errors, else its last line."""
        if self._count:
            return f"it logged {self._count:,} errors: {self.errors}"
        return f"its last line: {self.last}" if self.last else "it wrote nothing"

    @property
    def reason(self) -> str:
        """Return why the log fails the load; empty when it does not."""
        if self.fatal:
            return f"it logged what is declared fatal: {self.fatal}"
        if self._count:
            return (
                f"it logged {self._count:,} errors that no benign pattern knows: {self.errors}; "
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
