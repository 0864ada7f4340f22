"""Where the progress of a load is shown: a terminal or a log."""

from __future__ import annotations

from typing import Callable

from ..load.progress import RUNNING, Progress
from .progress_lines import DONE, MOST, progress_lines, table_line, total_line

_FIRST_FRAME_S = 1  # what takes less needs no frame
_LINES_S = (1, 5, 15, 30, 60)  # between two lines in a log
_LONG_TABLE_S = 5  # a table that took longer has a line of its own in a log


class Screen:
    """Where the progress goes: a frame that is drawn again in place, or a line now and then in a log."""

    def __init__(
        self,
        host: str,
        write: Callable[[str], None],
        *,
        size: tuple[int, int] | None = None,
        quiet: bool = False,
    ) -> None:
        """Show the load of a host.

        Args:
            host: its name.
            write: takes one text, a line or several, without the last line's end.
            size: columns and lines of the terminal; None for a log.
            quiet: whether nothing is shown.
        """
        self.host = host
        self._write = write
        self._size = size
        self._quiet = quiet
        self._height = 0  # of the frame that is on the screen
        self._lines = 0
        self._next = float(_LINES_S[0])
        self._told: set[str] = set()

    def show(self, state: Progress) -> None:
        """Show a state that is news."""
        if self._quiet:
            return
        if self._size is None:
            self._log(state)
        elif state.seconds >= _FIRST_FRAME_S or self._height:
            columns, lines = self._size
            self._draw(progress_lines(state, columns - 1, min(MOST, max(lines - 4, 1))))

    def note(self, text: str) -> None:
        """Say what is not a state of the load."""
        if not self._quiet:
            self._height = 0
            self._write(f"{self.host}: {text}")

    def _draw(self, lines: list[str]) -> None:
        up = f"\x1b[{self._height}A" if self._height else ""
        text = up + "\r\x1b[J" + "\n".join(lines)
        self._height = len(lines)
        self._write(text)

    def _log(self, state: Progress) -> None:
        for table in state.tables:
            if table.state == DONE and table.table not in self._told:
                self._told.add(table.table)
                if table.seconds >= _LONG_TABLE_S:
                    self._write(f"{self.host}: {table_line(table)}")
        if state.seconds >= self._next or (state.state != RUNNING and self._lines):
            self._next = state.seconds + _LINES_S[min(self._lines + 1, len(_LINES_S) - 1)]
            self._lines += 1
            self._write(f"{self.host}: {total_line(state)}")
