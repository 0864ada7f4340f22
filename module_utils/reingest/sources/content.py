"""The bytes of a source, unpacked where its name says that it is compressed; constant memory."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import urlsplit

from ..errors import Refusal
from .optional import library, library_if_there
from .remote import open_remote
from .source import Pipe, Range, Remote, Source

_BLOCK = 1 << 16  # what is made of a block stays in a processor's cache
_taken = [0]  # by this process, which reads one source at a time


def bytes_taken() -> int:
    """Return how many bytes of sources this process has read, as they lie there, compressed or not."""
    return _taken[0]


def count_taken(size: int) -> None:
    """Count bytes that a reader took by other ways than ``Content``."""
    _taken[0] += size


class Content:
    """A source, opened. ``read`` gives so many bytes, fewer only at the end.

    ``at`` says how far reading has come, for messages: a reader counts there what it has read.
    """

    def __init__(self, source: Source, *, packed: bool = False) -> None:
        """Open it; ``packed`` gives the bytes as they are, compressed or not.

        Raises:
            Refusal: it cannot be opened.
        """
        self.source = source
        self.at = "after line 0"
        self._packing = ""
        self._position: int | None = None
        self._damage: tuple[type[Exception], ...] = (gzip.BadGzipFile, zlib.error)
        try:
            self._raw = _opened(source)
            with contextlib.suppress(OSError):  # a pipe has none
                self._position = self._raw.tell()
            self._stream = self._raw if packed else self._unpacked()
        except OSError as error:
            raise Refusal(f"source {source} cannot be read: {error.strerror or error}") from error

    def __enter__(self) -> Content:  # noqa: PYI034 - Self is not in Python 3.9
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._stream.close()
        self._raw.close()

    def read(self, size: int) -> bytes:
        """Return the next bytes.

        Raises:
            Refusal: the source cannot be read on, or its compressed data are damaged.
        """
        try:
            block = self._stream.read(size)
            self._count()
            if not block and self._packing:
                self._refuse_empty()
        except EOFError:
            self._refuse_empty()
            raise Refusal(
                f"{self.source} is truncated: its {self._packing} data end {self.at}; fetch it again"
            ) from None
        except self._damage as error:
            raise Refusal(
                f"{self.source} is not intact {self._packing} data {self.at} ({error}); fetch it again"
            ) from error
        except OSError as error:
            raise Refusal(f"{self.source} cannot be read {self.at}: {error.strerror or error}") from error
        return block

    def _refuse_empty(self) -> None:
        if self._position == 0:
            raise Refusal(
                f"{self.source} is truncated: it is empty, and {self._packing} data are not; fetch it again, "
                "or declare `allow_empty: true` where a file without records is written so"
            )

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes, a block at a time.

        Raises:
            Refusal: as ``read``.
        """
        while block := self.read(_BLOCK):
            yield block

    def _count(self) -> None:
        if self._position is None:
            return
        position = self._raw.tell()
        count_taken(position - self._position)
        self._position = position

    def _unpacked(self) -> IO[bytes]:
        extension = suffix(self.source)
        if extension == ".gz":
            self._packing = "gzip"
            igzip = library_if_there("isal.igzip")
            if igzip is None:
                return cast("IO[bytes]", gzip.GzipFile(fileobj=self._raw, mode="rb"))
            self._damage = (*self._damage, igzip.isal_zlib.error)
            return cast("IO[bytes]", igzip.IGzipFile(fileobj=self._raw, mode="rb"))
        if extension == ".zst":
            self._packing = "zstd"
            zstd = library_if_there("compression.zstd") or library(
                "backports.zstd", "backports.zstd", f"source {self.source}"
            )
            self._damage = (*self._damage, zstd.ZstdError)
            return cast("IO[bytes]", zstd.ZstdFile(self._raw))
        return self._raw


class _Part(io.RawIOBase):
    """A part of a file."""

    def __init__(self, source: Range) -> None:
        self._file = source.file.open("rb", buffering=0)
        self._file.seek(source.begin)
        self._size = self._left = source.end - source.begin

    def tell(self) -> int:
        return self._size - self._left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - a buffer has no type before Python 3.12
        count = self._file.readinto(memoryview(buffer)[: self._left]) or 0
        self._left -= count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def suffix(source: Source) -> str:
    """Return the last extension of a source's name."""
    if isinstance(source, Path):
        return source.suffix
    return Path(urlsplit(source.url).path).suffix if isinstance(source, Remote) else ""


def _opened(source: Source) -> IO[bytes]:
    if isinstance(source, Path):
        return source.open("rb", buffering=_BLOCK)
    if isinstance(source, Remote):
        return open_remote(source)
    if isinstance(source, Pipe):
        return os.fdopen(source.descriptor, "rb", buffering=_BLOCK)
    if isinstance(source, Range):
        return cast("IO[bytes]", io.BufferedReader(_Part(source), _BLOCK))
    raise TypeError(f"{source} is no file")
