"""The sources that a release consists of: found, and identified by what is in them."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ..errors import Refusal
from .content import Content
from .database import read_database
from .place import check_place, refuse_missing_folder
from .reading import Reading
from .registry import format_of
from .remote import expand_remote, remote_version
from .source import (
    Query,
    Remote,
    Source,
    SourceFile,
    is_database,
    is_local,
    is_remote,
    local_path,
    query_in,
)

_BLOCK = 1 << 20
_SUM = 1 << 256
_Identity = tuple[int, int, str, str]  # size, time, digest and tag


def find_sources(
    patterns: Iterable[str], reading: Reading, folder: Path, roots: Sequence[Path] = ()
) -> tuple[Source, ...]:
    """Return what fills a table, in the order of its `from:`; without files of 0 bytes where these may be.

    Args:
        patterns: its `from:`.
        reading: how they are read.
        folder: the folder of sources.
        roots: further folders where files may lie, see ``check_place``.

    Raises:
        Refusal: a file is not there, or not in one of the folders.
    """
    found: list[Source] = []
    for pattern in patterns:
        if is_database(pattern):
            query = query_in(pattern, reading.table, reading.query, folder)
            if query.file is not None and query.file.exists():
                check_place(query.file, folder, roots)
            found.append(query)
        elif is_local(pattern):
            found.extend(find_files(local_path(pattern), folder, reading.format, roots))
        elif is_remote(pattern):
            found.extend(expand_remote(pattern))
        else:
            found.extend(find_files(pattern, folder, reading.format, roots))
    if reading.allow_empty:
        found = [one for one in found if not isinstance(one, Path) or one.stat().st_size]
    return tuple(found)


def find_files(pattern: str, folder: Path, kind: str = "", roots: Sequence[Path] = ()) -> tuple[Path, ...]:
    """Return the files that a path, a glob or a folder stands for, in the order of their names.

    A folder stands for all the files in and below it, but for those whose names begin with a dot or an
    underscore; they must be of the format ``kind``, where one is given.

    Raises:
        Refusal: there is none, a file in the folder is of another format, or one leads out (``check_place``).
    """
    path = folder / pattern
    if path.is_dir():
        found = list(_in_folder(path, kind))
    elif path.exists():
        found = [path]
    else:
        names = glob.glob(str(path), recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
        found = sorted(Path(name) for name in names if not Path(name).is_dir())
    for one in found:
        check_place(one, folder, roots)
    if not found:
        refuse_missing_folder(folder, [pattern])
        raise Refusal(f"source {path} does not exist: put the file there, or correct `from:` or `sources:`")
    return tuple(found)


def identify(
    sources: Iterable[Source], folder: Path, known: Mapping[str, SourceFile] | None = None
) -> dict[Source, SourceFile]:
    """Return each source with its size, its time and its digest, read in parallel.

    Args:
        sources: files, addresses and queries.
        folder: the folder of sources.
        known: what the same run's plan found, by name; a file is read again only where size or time differ.

    Raises:
        Refusal: a source cannot be read.
    """
    unique = sorted(set(sources), key=str)
    contents = {source: _content(source) for source in unique}
    same = {contents[source]: one for source in unique if (one := _still(source, folder, known or {}))}
    once = sorted(set(contents.values()) - set(same), key=str)
    with ThreadPoolExecutor(4) as pool:
        identified = {**same, **dict(zip(once, pool.map(_identified, once)))}
    found = {}
    for source in unique:
        size, modified, digest, tag = identified[contents[source]]
        found[source] = SourceFile(source, _name(source, folder), size, modified, digest, tag)
    return found


def shown_sources(files: Iterable[SourceFile]) -> list[dict[str, Any]]:
    """Return the sources as a result has them."""
    return [
        {
            "path": one.name,
            "size": one.size,
            "modified_ns": one.modified_ns,
            "sha256": one.sha256,
            "tag": one.tag,
        }
        for one in files
    ]


def known_sources(shown: Sequence[Mapping[str, Any]]) -> dict[str, SourceFile]:
    """Return what a result of the same run says of its sources, by name."""
    return {
        one["path"]: SourceFile(
            Path(one["path"]),
            one["path"],
            int(one["size"]),
            int(one["modified_ns"]),
            one["sha256"],
            one["tag"],
        )
        for one in shown
    }


def check_unchanged(files: Iterable[SourceFile]) -> None:
    """Refuse when a source is no longer the one that was identified.

    The rows of a database server are not read again: its transaction showed them as of one moment.

    Raises:
        Refusal: names the source that was changed while it was read.
    """
    for content, file in {_content(file.path): file for file in files}.items():
        if isinstance(content, Path):
            try:
                status = content.stat()
            except OSError as error:
                raise Refusal(
                    f"source {content} went away while it was read ({error.strerror}): run again"
                ) from error
            same = (status.st_size, status.st_mtime_ns) == (file.size, file.modified_ns)
        elif isinstance(content, Remote):
            same = _identified(content) == (file.size, file.modified_ns, file.sha256, file.tag)
        else:
            same = True
        if not same:
            raise Refusal(f"source {content} was changed while it was read: run again when it is complete")


def _in_folder(path: Path, kind: str) -> tuple[Path, ...]:
    found = []
    for file in sorted(path.rglob("*")):
        below = file.relative_to(path)
        if file.is_dir() or any(part.startswith((".", "_")) for part in below.parts):
            continue
        if kind and format_of(file.name) != kind:
            raise Refusal(
                f"source {path} holds {below}, which is no {kind}: "
                "name the files with a glob instead of the folder, or take it away"
            )
        found.append(file)
    if not found:
        raise Refusal(f"source {path} is a folder without files: put them there, or correct `from:`")
    return tuple(found)


def _content(source: Source) -> Source:
    """Return what decides the content: all queries of one SQLite file have that file."""
    return source.file or source if isinstance(source, Query) else source


def _name(source: Source, folder: Path) -> str:
    content = _content(source)
    if not isinstance(content, Path):
        return str(source)
    name = str(content.relative_to(folder)) if content.is_relative_to(folder) else str(content)
    return f"{name} ({source.table or source.query})" if isinstance(source, Query) else name


def _still(source: Source, folder: Path, known: Mapping[str, SourceFile]) -> _Identity | None:
    """Return what is known of a source; of a file only where it still has that size and time."""
    one, content = known.get(_name(source, folder)), _content(source)
    if one is None:
        return None
    if isinstance(content, Path):
        try:
            status = content.stat()
        except OSError:
            return None
        if (status.st_size, status.st_mtime_ns) != (one.size, one.modified_ns):
            return None
    return one.size, one.modified_ns, one.sha256, one.tag


def _identified(source: Source) -> tuple[int, int, str, str]:
    """Return size, time, digest and tag."""
    if isinstance(source, Path):
        return _of_file(source)
    if isinstance(source, Remote):
        return _of_remote(source)
    if isinstance(source, Query):
        return _of_rows(source)
    raise TypeError(f"{source} is a part of a source")


def _of_file(path: Path) -> tuple[int, int, str, str]:
    digest = hashlib.sha256()
    try:
        status = path.stat()
        with path.open("rb") as handle:
            while block := handle.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise Refusal(f"source {path} cannot be read: {error.strerror}") from error
    return status.st_size, status.st_mtime_ns, digest.hexdigest(), ""


def _of_remote(remote: Remote) -> tuple[int, int, str, str]:
    size, tag = remote_version(remote)
    if tag and size is not None:
        return size, 0, hashlib.sha256(f"{size} {tag}".encode()).hexdigest(), tag
    digest, size = hashlib.sha256(), 0
    with Content(remote, packed=True) as content:
        for block in content.blocks():
            digest.update(block)
            size += len(block)
    return size, 0, digest.hexdigest(), tag


def _of_rows(query: Query) -> tuple[int, int, str, str]:
    total = size = 0
    for number, row in read_database(query):
        if not isinstance(row, dict):
            raise Refusal(f"{query}:{number}: {row.reason}")
        text = repr(row).encode("utf-8", "surrogatepass")
        total += int.from_bytes(hashlib.sha256(text).digest(), "big")
        size += len(text)
    return size, 0, f"{total % _SUM:064x}", ""
