"""The lines of a text file, plain or gzip, with their numbers; constant memory."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from ..errors import Refusal

_BUFFER = 1 << 18
_BYTE_ORDER_MARK = "\ufeff"


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number, from 1, and the text of each line, with its end and without a byte order mark.

    Raises:
        Refusal: the file cannot be read, is not UTF-8, or its gzip data are damaged; with the line.
    """
    number = 0
    try:
        with _opened(path) as stream:
            for line in stream:
                number += 1
                text = line.decode("utf-8")
                yield number, text.lstrip(_BYTE_ORDER_MARK) if number == 1 else text
    except UnicodeDecodeError as error:
        raise Refusal(f"{path}:{number}: not UTF-8 at byte {error.start + 1}; correct the source") from error
    except EOFError:
        raise Refusal(f"{path} is truncated: its gzip data end after line {number}; fetch it again") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise Refusal(
            f"{path} is not intact gzip data after line {number} ({error}); fetch it again"
        ) from error
    except OSError as error:
        raise Refusal(f"{path} cannot be read after line {number}: {error.strerror or error}") from error


def _opened(path: Path) -> IO[bytes]:
    if path.suffix != ".gz":
        return path.open("rb", buffering=_BUFFER)
    # GzipFile finds its lines in Python; a buffer around it finds them in C.
    return cast("IO[bytes]", io.BufferedReader(cast("io.RawIOBase", gzip.open(path, "rb")), _BUFFER))
