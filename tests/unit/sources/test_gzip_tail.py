"""What lies behind gzip data is padding, or told by its byte; a file that is cut is still told as cut."""

from __future__ import annotations

import gzip
import io

import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.sources.content import Content
from plugins.module_utils.reingest.sources.gzip_tail import trailing_byte

PACKED = gzip.compress(b"hello\n" * 1000, mtime=0)  # each process of a test session finds the same bytes
LARGE = gzip.compress(bytes(range(256)) * 20_000, mtime=0)  # its data are taken in several blocks


@pytest.mark.parametrize("zeros", [0, 1, 700, 1 << 21])
@pytest.mark.parametrize("tail", [b"x", b"trailing", b"\x1f", b"PK\x03\x04"])
@pytest.mark.parametrize("packed", [PACKED, PACKED + LARGE])
def test_the_first_byte_that_is_no_gzip_is_named(packed, zeros, tail):
    assert trailing_byte(io.BytesIO(packed + b"\0" * zeros + tail)) == len(packed) + zeros + 1


@pytest.mark.parametrize(
    "content",
    [PACKED, PACKED + b"\0" * 700, PACKED + LARGE, PACKED[:-6], b"no gzip", PACKED + LARGE[:-6], b""],
)
def test_what_is_whole_or_itself_damaged_has_no_such_byte(content):
    assert trailing_byte(io.BytesIO(content)) is None


@pytest.mark.parametrize(
    ("tail", "message"),
    [
        (b"\0\0x", "has other data behind its gzip data, from byte {} on"),
        (b"and much more than a header has", "has other data behind its gzip data, from byte {} on"),
        (LARGE[:-6], "is truncated: its gzip data end"),
    ],
)
def test_a_file_is_refused_by_what_is_wrong_with_its_end(tmp_path, tail, message):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(PACKED + tail)
    byte = len(PACKED) + len(tail) - len(tail.lstrip(b"\0")) + 1
    with pytest.raises(Refusal) as caught, Content(path) as content:
        for _ in content.blocks():
            pass
    assert f"{path} {message.format(byte)}" in str(caught.value)
