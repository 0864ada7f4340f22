"""What lies behind the last whole member of a gzip file: zeros are padding, all else is named by its byte."""

from __future__ import annotations

import zlib
from typing import IO

_MAGIC = b"\x1f\x8b"
_MEMBER = 31  # zlib's word for one member of gzip, its header and its sum
_BLOCK = 1 << 20


def trailing_byte(stream: IO[bytes]) -> int | None:
    """Return the number, from 1, of the first byte that is no gzip data behind a member that is whole.

    Args:
        stream: the packed file, at its beginning. It is read to where it stops being gzip.

    Returns:
        None where a member itself is cut or damaged, or nothing is wrong.
    """
    left, number = b"", 0
    while True:
        member = zlib.decompressobj(_MEMBER)
        while not member.eof:
            block = left or stream.read(_BLOCK)
            if not block:
                return None
            left, number = b"", number + len(block)
            try:
                while block and not member.eof:
                    member.decompress(block, _BLOCK)
                    block = member.unconsumed_tail
            except zlib.error:
                return None
        left = member.unused_data
        number -= len(left)
        left, number = _without_zeros(stream, left, number)
        if not left:
            return None
        left += stream.read(1) if len(left) < len(_MAGIC) else b""
        if not left.startswith(_MAGIC):
            return number + 1


def _without_zeros(stream: IO[bytes], left: bytes, number: int) -> tuple[bytes, int]:
    while True:
        left = left or stream.read(_BLOCK)
        rest = left.lstrip(b"\0")
        number += len(left) - len(rest)
        if rest or not left:
            return rest, number
        left = b""
