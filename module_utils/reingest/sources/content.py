"""The bytes of a source, unpacked where its name says that it is compressed; constant memory."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast
from urllib.parse import urlsplit

from ..errors import Refusal
from .optional import library, library_if_there
from .remote import open_remote
from .source import Remote, Source

_BLOCK = 1 << 18


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
        self._damage: tuple[type[Exception], ...] = (gzip.BadGzipFile, zlib.error)
        try:
            self._raw = _opened(source)
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
            return self._stream.read(size)
        except EOFError:
            raise Refusal(
                f"{self.source} is truncated: its {self._packing} data end {self.at}; fetch it again"
            ) from None
        except self._damage as error:
            raise Refusal(
                f"{self.source} is not intact {self._packing} data {self.at} ({error}); fetch it again"
            ) from error
        except OSError as error:
            raise Refusal(f"{self.source} cannot be read {self.at}: {error.strerror or error}") from error

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes, a block at a time.

        Raises:
            Refusal: as ``read``.
        """
        while block := self.read(_BLOCK):
            yield block

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


def suffix(source: Source) -> str:
    """Return the last extension of a source's name."""
    if isinstance(source, Path):
        return source.suffix
    return Path(urlsplit(source.url).path).suffix


def _opened(source: Source) -> IO[bytes]:
    if isinstance(source, Path):
        return source.open("rb", buffering=_BLOCK)
    if isinstance(source, Remote):
        return open_remote(source)
    raise TypeError(f"{source} is no file")
