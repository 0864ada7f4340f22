"""The lines of a file, plain or gzip, with their numbers; constant memory."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path

from ..errors import Refusal

_BUFFER = 1 << 18


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield each line, with its end, and its number from 1; a leading byte order mark is left out.

    Raises:
        Refusal: the file cannot be read, or its gzip data end early or are damaged; with the line that was reached.
    """
    number = 0
    try:
        with _opened(path) as stream:
            for line in stream:
                number += 1
                yield number, line[3:] if number == 1 and line.startswith(b"\xef\xbb\xbf") else line
    except EOFError:
        raise Refusal(f"{path} is truncated: its gzip data end after line {number}; fetch it again") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise Refusal(
            f"{path} is not intact gzip data after line {number} ({error}); fetch it again"
        ) from error
    except OSError as error:
        raise Refusal(f"{path} cannot be read after line {number}: {error.strerror or error}") from error


def _opened(path: Path) -> io.BufferedIOBase:
    if path.suffix != ".gz":
        return path.open("rb", buffering=_BUFFER)
    return io.BufferedReader(gzip.open(path, "rb"), _BUFFER)  # type: ignore[arg-type]
