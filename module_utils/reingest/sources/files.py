"""The files that a release consists of: found, and identified by what is in them."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ..dataset.model import Table
from ..errors import Refusal
from .source import Source

_BLOCK = 1 << 20


@dataclass(frozen=True)
class SourceFile:
    """A file as it was when the load was planned; ``name`` is its path below the folder of sources."""

    path: Source
    name: str
    size: int
    modified_ns: int
    sha256: str


def find_sources(table: Table, folder: Path) -> tuple[Source, ...]:
    """Return what fills a table, in the order of its `from:`.

    Raises:
        Refusal: a file is not there.
    """
    return tuple(path for pattern in table.sources for path in find_files(pattern, folder))


def find_files(pattern: str, folder: Path) -> tuple[Path, ...]:
    """Return the files that a path or a glob stands for, in the order of their names.

    Raises:
        Refusal: there is none, or the path is a folder.
    """
    path = folder / pattern
    if path.is_file():
        return (path,)
    if path.is_dir():
        raise Refusal(
            f"source {path} is a folder: name the files in it with a glob such as {pattern}/*.jsonl.gz"
        )
    names = glob.glob(str(path), recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
    found = sorted(Path(name) for name in names if Path(name).is_file())
    if not found:
        raise Refusal(f"source {path} does not exist: put the file there, or correct `from:` or `sources:`")
    return tuple(found)


def identify(sources: Iterable[Source], folder: Path) -> dict[Source, SourceFile]:
    """Return each file with its size, its time and its SHA-256, read in parallel.

    Raises:
        Refusal: a file cannot be read.
    """
    unique = sorted(set(sources), key=str)
    with ThreadPoolExecutor(4) as pool:
        return dict(zip(unique, pool.map(lambda path: _identified(path, folder), unique)))


def check_unchanged(files: Iterable[SourceFile]) -> None:
    """Refuse when a file is no longer the one that was identified.

    Raises:
        Refusal: names the file that was changed while it was read.
    """
    for file in files:
        try:
            now = file.path.stat()
        except OSError as error:
            raise Refusal(
                f"source {file.path} went away while it was read ({error.strerror}): run again"
            ) from error
        if (now.st_size, now.st_mtime_ns) != (file.size, file.modified_ns):
            raise Refusal(f"source {file.path} was changed while it was read: run again when it is complete")


def _identified(path: Path, folder: Path) -> SourceFile:
    digest = hashlib.sha256()
    try:
        status = path.stat()
        with path.open("rb") as handle:
            while block := handle.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise Refusal(f"source {path} cannot be read: {error.strerror}") from error
    name = str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
    return SourceFile(path, name, status.st_size, status.st_mtime_ns, digest.hexdigest())
