"""Rows that are not good: refused, or set aside in a file, one JSON object each, within a budget."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Callable
from urllib.parse import quote

from ..dataset.mapping import Value
from ..dataset.model import Budget, Table
from ..errors import Refusal
from ..fs.durable import sync_directory
from ..fs.no_follow import check_file, open_file
from ..fs.record_values import is_run
from ..sources.source import Source

_SHOWN = 80
_KEPT = 10_000  # characters of a value
_MANY = 100_000  # rejects of a table, from which on a percentage is judged on the way, too
_DEEP = "(a value that is nested too deeply to be shown)"
_REMEDY = "; correct the source, or the dataset"


@dataclass(frozen=True)
class Reject:
    """One row, or one unreadable record; ``column`` is empty where no single one is to blame."""

    source: Source
    line: int
    column: str
    value: Value
    reason: str
    unreadable: bool = False

    def told(self, table: str) -> str:
        """Return place, column, value and reason; an unreadable record's reason has the remedy, too."""
        if self.unreadable:
            return f"{self.source}:{self.line}: {self.reason}"
        column = f", column {self.column}: {shown_value(self.value)}" if self.column else ""
        return f"{self.source}:{self.line}: table {table}{column}: {self.reason}"

    def refusal(self, table: str) -> Refusal:
        """Return the refusal of a load that takes no bad row."""
        return Refusal(self.told(table) + ("" if self.unreadable else _REMEDY))


@dataclass(frozen=True)
class RejectPolicy:
    """Where rejects go, and the budget of the whole dataset; ``folder`` is None where none are written."""

    folder: Path | None
    whole: Budget | None

    def path(self, table: str) -> Path | None:
        """Return the file of a table."""
        return self.folder / f"{quote(table, safe='')}.jsonl" if self.folder else None

    def clear(self, kept: Iterable[str]) -> None:
        """Delete what an earlier attempt of the run left in the folder, but for the files that are kept."""
        stay = set(kept)
        if self.folder is None or not self.folder.exists():
            return
        if not stay:
            shutil.rmtree(self.folder)
            return
        for path in self.folder.iterdir():
            if str(path) not in stay:
                path.unlink()

    def carry(self, table: str, file: str) -> str:
        """Bring the rejects of a table that an earlier run filled into this run's folder.

        Returns:
            where they are now; empty where ``file`` is.
        """
        path = self.path(table)
        if not file or path is None:
            return ""
        if Path(file) != path:
            self._copy(table, Path(file), path)
            self.sync(table)
        return str(path)

    def _copy(self, table: str, file: Path, path: Path) -> None:
        """Copy the rejects of a table from another run's folder, as that run named them.

        The staging database says where they lie, and others write to it: no other file of this host is read.
        """
        folder, run = file.parent, file.parent.parent
        usual = path.parents[2] / run.name / folder.name / file.name
        if file != usual or (folder.name, file.name) != (path.parent.name, path.name) or not is_run(run.name):
            raise _unfit(table, file)
        try:
            if folder.is_symlink() or run.is_symlink():
                raise _unfit(table, file)
            with os.fdopen(open_file(file, os.O_RDONLY), "rb") as there:
                check_file(file, os.fstat(there.fileno()))
                make_folder(path.parent)
                path.unlink(missing_ok=True)
                with os.fdopen(open_file(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as here:
                    shutil.copyfileobj(there, here)
        except OSError as error:
            raise _unfit(table, file) from error

    def sync(self, table: str) -> None:
        """Have the rejects of a table survive a crash of this machine, where it has some."""
        path = self.path(table)
        if path is None or not path.exists():
            return
        with path.open("rb") as file:
            os.fsync(file.fileno())
        sync_directory(path.parent)

    def check_whole(self, rejected: int, read: int) -> None:
        """Refuse when all tables together are over the dataset's budget.

        Raises:
            Refusal: says where the rejects lie.
        """
        if self.whole is not None and not self.whole.allows(rejected, read):
            where = f"; they are in {self.folder}" if self.folder else ""
            raise Refusal(
                f"{rejected} of {read} rows are rejected, and the dataset's max_rejects is {self.whole}"
                f"{where}; correct the sources, or raise max_rejects"
            )


class RejectLog:
    """The rejects of one table: written as they are met, and counted.

    ``append`` goes on with a file that has ``count`` rejects already.
    """

    def __init__(self, policy: RejectPolicy, table: Table, *, append: bool = False, count: int = 0) -> None:
        self.count = count
        self._policy = policy
        self._table = table
        self._path = policy.path(table.name)
        self._mode = "a" if append else "w"
        self._stream: IO[str] | None = None
        self._first: Reject | None = None
        self._read: Callable[[], int] | None = None

    def follow(self, read: Callable[[], int]) -> None:
        """Judge percentages on the way, by ``read``, which tells how many rows were read so far."""
        self._read = read

    def add(self, reject: Reject) -> None:
        """Set a row aside.

        Raises:
            Refusal: the table takes no bad row, or no more of them.
        """
        if not self._table.quarantines:
            raise reject.refusal(self._table.name)
        self.set_aside(reject)

    def set_aside(self, reject: Reject) -> None:
        """Set a row aside, whatever ``on_reject`` says.

        Raises:
            Refusal: there are more than the budget allows, or already so many that it is not waited for the
                end to know the percentage.
        """
        self.count += 1
        self._first = self._first or reject
        self._write(reject)
        for budget in (self._table.max_rejects, self._policy.whole):
            if budget is not None and budget.rows is not None and self.count > budget.rows:
                raise self._over(budget, "at least ")
            if budget is not None and self._read is not None and self.count > _MANY:
                read = self._read()
                if not budget.allows(self.count, read):
                    raise self._over(budget, "at least ", f" of the first {read}")

    def close(self) -> None:
        """Finish the file."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def check(self, read: int) -> None:
        """Refuse when the table, of which so many rows were read, is over its own budget.

        Raises:
            Refusal: says where the rejects lie, with the first of them.
        """
        budget = self._table.max_rejects
        if budget is not None and not budget.allows(self.count, read):
            raise self._over(budget, "", f" of {read}")

    def _write(self, reject: Reject) -> None:
        if self._path is None:
            return
        if self._stream is None:
            make_folder(self._path.parent)
            how = os.O_APPEND if self._mode == "a" else os.O_TRUNC
            handle = open_file(self._path, os.O_WRONLY | os.O_CREAT | how)
            self._stream = os.fdopen(handle, self._mode, encoding="utf-8")
        values = {
            "file": str(reject.source),
            "line": reject.line,
            "column": reject.column or None,
            "value": _cut(reject.value),
            "reason": reject.reason,
        }
        self._stream.write(json.dumps(values, default=str) + "\n")

    def _over(self, budget: Budget, least: str, of: str = "") -> Refusal:
        self.close()
        name = self._table.name
        where = f"; they are in {self._path}" if self._path else ""
        such = f", such as {self._first.told(name)}" if self._first else ""
        return Refusal(
            f"table {name}: {least}{self.count}{of} rows are rejected, and max_rejects is {budget}{where}"
            f"{such}; correct the source, or raise max_rejects"
        )


def make_folder(folder: Path) -> None:
    """Make the folder of a run's rejects, and the run's own: rows may be anybody's business but others'."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def _unfit(table: str, file: Path) -> Refusal:
    return Refusal(
        f"the staging database says that the rejects of table {table} lie in {file}, which is no such file "
        "of an earlier run on this host: it was not read; load from the beginning with -e reingest_force=true"
    )


def shown_value(value: Value) -> str:
    """Return a value as a message shows it, cut where it is long."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except RecursionError:
        text = _DEEP
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")


def _cut(value: Value) -> Value:
    if isinstance(value, str):
        return value if len(value) <= _KEPT else value[:_KEPT] + "..."
    if value is None or isinstance(value, (bool, int, float)):
        return value
    try:
        text = json.dumps(value, default=str, ensure_ascii=False)
    except RecursionError:
        return _DEEP
    return value if len(text) <= _KEPT else text[:_KEPT] + "..."
