"""A load's progress as lines to print: one for each table, then the sum. Rates and ETA are made here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Union

from ..fs.sizes import shown_bytes
from ..load.progress import DIED, RUNNING, SILENT_S, Progress, TableProgress

WAITING, LOADING, DONE = "waiting", "loading", "done"  # the states of a table that look different
MOST = 10  # tables that are shown at a time
_FIRST_RATE_S = 2.0  # before that a rate says nothing
_ORDER = {DONE: 1, WAITING: 2}  # what is at work comes first
_Part = Union[TableProgress, Progress]
_Cells = tuple[str, ...]  # name, bar, share, rows, bytes, rate, rest
# The bar's length and the columns, from the widest layout to the narrowest.
_LAYOUTS = (
    (14, (0, 1, 2, 3, 4, 5, 6)),
    (14, (0, 1, 2, 3, 5, 6)),
    (8, (0, 1, 2, 3, 5, 6)),
    (8, (0, 2, 3, 6)),
    (8, (0, 2, 6)),
)


def progress_lines(load: Progress, width: int = 0, most: int = MOST) -> list[str]:
    """Return a line for each table, and one for the sum; where there are more tables, for the busiest ones.

    Args:
        load: the load.
        width: characters that a line may have; 0 for any number.
        most: tables that are shown.
    """
    shown = load.tables
    if len(shown) > most:
        busiest = sorted(shown, key=lambda table: _ORDER.get(table.state, 0))[:most]
        shown = tuple(table for table in shown if table in busiest)
    return _lines([*shown, load], width)


def total_line(load: Progress, width: int = 0) -> str:
    """Return the sum's line alone."""
    return _lines([load], width)[0]


def table_line(table: TableProgress) -> str:
    """Return one table's line alone."""
    return _lines([table], 0)[0]


def load_lines(load: Progress, state: str, silent: float = 0) -> list[str]:
    """Return a load as ``status`` shows it: whose it is and where, how it ended, or how far it is.

    ``state`` is what ``progress.fate`` returned, ``silent`` what ``progress.silence`` did.
    """
    where = f"process {load.process} on {load.machine.split('/')[0]}"
    head = f"load of run {load.run} by {load.operator}, begun {load.started}"
    if state == RUNNING:
        late = f"; {silent_line(load, silent)}" if silent > SILENT_S else ""
        return [f"{head}, {where}: under way{late}", *progress_lines(load)]
    if state == DIED:
        died = f"{head}: died at {load.heartbeat} in phase {load.phase} ({where}); run again"
        return [died, *progress_lines(_stopped(load))]
    ended = f"{head}: {state} at {load.heartbeat}"
    return [f"{ended}: {load.message}" if load.message else ended, total_line(load)]


def silent_line(load: Progress, silent: float) -> str:
    """Return what to say of a load that lives and has given no sign of life for so many seconds."""
    return (
        f"no sign of life for {silent:.0f} s; its process {load.process} lives: wait, or end it with "
        "playbooks/stop.yml"
    )


def _stopped(load: Progress) -> Progress:
    """Return a load that died as one of which nothing is to be expected."""
    tables = tuple(
        table if table.state in (WAITING, DONE) else replace(table, state="lost") for table in load.tables
    )
    return replace(load, state=DIED, tables=tables)


def ended_line(load: Progress) -> str:
    """Return where a load was when it was last heard of, for a message."""
    return (
        f"phase {load.phase} after {clock(load.seconds)}, {load.rows:,} rows; last heard of {load.heartbeat}"
    )


def clock(seconds: float) -> str:
    """Return a time as hours, minutes and seconds."""
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def remaining(done: float, total: float, seconds: float) -> float | None:
    """Return the seconds that are left at the rate until now; None when nobody can tell, or none are."""
    if not 0 < done < total or seconds < _FIRST_RATE_S:
        return None
    return (total - done) * seconds / done


def _lines(parts: Sequence[_Part], width: int) -> list[str]:
    """Return a line for each part, with straight columns; behind the sum what the load is at."""
    lines: list[str] = []
    for bar, columns in _LAYOUTS:
        rows = [_cells(part, bar) for part in parts]
        widths = [max(len(row[column]) for row in rows) for column in columns]
        lines = [_line(row, columns, widths) for row in rows]
        if not width or max(map(len, lines)) <= width:
            break
    ended = (
        f"{line}  {_stage(part)}" if isinstance(part, Progress) else line for line, part in zip(lines, parts)
    )
    return [line[: width or None] for line in ended]


def _line(row: _Cells, columns: Sequence[int], widths: Sequence[int]) -> str:
    """Return the cells that any row has, names and the rest to the left, figures to the right."""
    cells = [
        row[column].ljust(width) if column in (0, 1, 6) else row[column].rjust(width)
        for column, width in zip(columns, widths)
        if width
    ]
    return "  ".join(cells).rstrip()


def _cells(part: _Part, bar: int) -> _Cells:
    name = part.table if isinstance(part, TableProgress) else "total"
    return (name, *_bar(part, bar), *_counts(part), _rest(part))


def _bar(part: _Part, length: int) -> tuple[str, str]:
    share = _share(part)
    if share is None:
        return (f"[{'?' * length}]", "") if part.rows else ("", "")
    full = int(share * length)
    return f"[{'#' * full}{'-' * (length - full)}]", f"{int(share * 100)}%"


def _share(part: _Part) -> float | None:
    """Return how much of a part is read; None when nobody knows how much there is."""
    if isinstance(part, TableProgress) and part.state in (DONE, WAITING):
        return 1.0 if part.state == DONE else 0.0
    loading = isinstance(part, TableProgress) and part.state == LOADING
    return min(part.bytes / part.total, 0.99 if loading else 1.0) if part.total else None


def _counts(part: _Part) -> tuple[str, str, str]:
    if not part.rows and not part.bytes:
        return "", "", ""
    left = part.total > part.bytes
    sizes = shown_bytes(part.bytes) + (f" of {shown_bytes(part.total)}" if left else "")
    rate = f"{part.rows / part.fill_seconds:,.0f} rows/s" if part.fill_seconds >= _FIRST_RATE_S else ""
    return f"{part.rows:,} rows", sizes if part.bytes or part.total else "", rate


def _rest(part: _Part) -> str:
    if isinstance(part, Progress):
        running = part.state == RUNNING
        return _eta(remaining(part.bytes, part.total, part.fill_seconds)) if running else ""
    if part.state == DONE:
        return f"done in {clock(part.seconds)}"
    if part.state == LOADING:
        return _eta(remaining(part.bytes, part.total, part.fill_seconds))
    return part.state


def _stage(load: Progress) -> str:
    """Return what the load is at."""
    done = sum(table.state == DONE for table in load.tables)
    text = f"{load.phase if load.state == RUNNING else load.state}, {clock(load.seconds)}"
    if done < len(load.tables):
        text += f", {done} of {len(load.tables)} tables done"
    return f"{text}: {load.line}" if load.line else text


def _eta(seconds: float | None) -> str:
    return "" if seconds is None else f"ETA {clock(seconds)}"
