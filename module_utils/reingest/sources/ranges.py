"""Files that are not packed, cut behind ends of records into ranges that can be read side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import Refusal
from .content import suffix
from .source import PACKED, Range, Source

_BLOCK = 1 << 20


def share_files(files: Sequence[Source], quote: str, shares: int) -> list[tuple[Source, ...]] | None:
    """Return so many shares of about the same size; None where a file must be read from its beginning.

    That a quote is where it should be is for the reader of a range to prove: else records may be cut.

    Raises:
        Refusal: a file cannot be read.
    """
    ranges: list[list[Source]] = [[] for _ in range(shares)]
    for file in files:
        if not isinstance(file, Path) or suffix(file) in PACKED:
            return None
        try:
            cuts = [0, *_cuts(file, quote.encode(), shares), file.stat().st_size]
        except OSError as error:
            raise Refusal(f"source {file} cannot be read: {error.strerror}") from error
        for share, begin, end in zip(ranges, cuts, cuts[1:]):
            if begin < end:
                share.append(Range(file, begin, end))
    return [tuple(share) for share in ranges if share]


def _cuts(file: Path, quote: bytes, parts: int) -> Iterator[int]:
    """Yield the ends of records next to where the parts would be equal."""
    size = file.stat().st_size
    targets = [size * part // parts for part in range(1, parts)]
    offset = inside = 0
    with file.open("rb", buffering=0) as stream:
        while targets and (block := stream.read(_BLOCK)):
            while targets and targets[0] < offset + len(block):
                end = record_end(block, quote, max(0, targets[0] - offset), inside)
                if not end:
                    targets[0] = offset + len(block)
                    break
                targets.pop(0)
                yield offset + end
            inside = (inside + block.count(quote)) % 2 if quote else 0
            offset += len(block)


def record_end(block: bytes, quote: bytes, at: int, inside: int) -> int:
    """Return where the record ends that is at a place of the block; 0 where it does not end in the block."""
    if quote:
        inside = (inside + block.count(quote, 0, at)) % 2
    while end := block.find(b"\n", at) + 1:
        if quote:
            inside = (inside + block.count(quote, at, end)) % 2
        at = end
        if not inside:
            return end
    return 0
