"""The loader's log as it is kept: every line without secrets, judged as it comes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, TextIO

from ..disclosure.secrets import masked
from ..errors import Refusal
from .judge import Judge, Patterns

NAME = "loader.log"
_LINE_END = re.compile(rb"[\r\n]")
_LONGEST = 1 << 16  # of a line without an end: what is longer is kept and judged in pieces


class LoaderLog:
    """Takes what the loader writes, in blocks; a carriage return ends a line too, empty ones are left out.

    ``on_progress`` is given the last line of progress, after each block.
    """

    def __init__(
        self,
        path: Path,
        stream: TextIO,
        judge: Judge,
        secrets: Sequence[str],
        on_progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.path = path
        self.judge = judge
        self._stream = stream
        self._secrets = secrets
        self._on_progress = on_progress
        self._rest = b""

    def take(self, block: bytes) -> None:
        """Keep and judge the lines that this block completes."""
        *lines, self._rest = _LINE_END.split(self._rest + block)
        for line in lines:
            self._keep(line)
        while len(self._rest) > _LONGEST:
            self._keep(self._rest[:_LONGEST])
            self._rest = self._rest[_LONGEST:]
        self._stream.flush()
        self._on_progress(self.judge.progress)

    def end(self) -> None:
        """Take the last line, which may have no end."""
        self.take(b"\n")

    def _keep(self, line: bytes) -> None:
        if line:
            text = masked(line.decode(errors="replace"), self._secrets)
            self._stream.write(f"{text}\n")
            self.judge.look(text)


@contextmanager
def loader_log(
    folder: Path,
    patterns: Patterns,
    secrets: Sequence[str],
    on_progress: Callable[[str], None] = lambda _: None,
) -> Iterator[LoaderLog]:
    """Open ``loader.log`` in the run's folder, readable by its owner only, and give it.

    Raises:
        Refusal: it cannot be written.
    """
    path = folder / NAME
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise Refusal(
            f"the loader's log {path} cannot be written: {error.strerror}; correct reingest_work"
        ) from error
    with open(descriptor, "w", encoding="utf-8", errors="replace") as stream:  # noqa: PTH123 - a descriptor
        yield LoaderLog(path, stream, Judge(patterns), secrets, on_progress)
