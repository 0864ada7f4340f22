import gzip
import random
import tracemalloc

import pytest
from backports import zstd

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.sources.lines import read_lines
from plugins.module_utils.reingest.sources.reading import Reading


def test_lines_are_numbered_and_a_byte_order_mark_is_passed_over(source):
    assert list(read_lines(source("\ufeffa\n\ufeffb"), Reading())) == [(1, b"a\n"), (2, "\ufeffb".encode())]
    two = source(gzip.compress(b"a\nb\n", mtime=0) + gzip.compress(b"c\n"), "two.gz")
    assert list(read_lines(two, Reading()))[-1] == (3, b"c\n")


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (
            gzip.compress(b"a\nb\n" * 50_000, mtime=0)[:-20],
            "cut.gz",
            "is truncated: its gzip data end after line ",
        ),
        (b"not gzip at all", "x.gz", "is not intact gzip data after line 0"),
        (
            gzip.compress(b"a\n" * 1000, mtime=0)[:-8] + b"\0" * 8,
            "crc.gz",
            "is not intact gzip data after line ",
        ),
    ],
)
def test_damage_is_told_with_the_line_that_was_reached(source, content, name, message):
    with pytest.raises(Refusal) as caught:
        list(read_lines(source(content, name), Reading()))
    assert message in str(caught.value)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "latin-1", "shift-jis", "gb18030"]
)
def test_a_text_in_any_encoding_and_with_any_line_end_gives_the_same_lines(source, encoding, end):
    word = {"latin-1": "é", "shift-jis": "ソ表"}.get(encoding, "é表\U0001f600")  # ソ ends with a backslash
    text = "".join(f"{number},{word}{end}" for number in range(30_000))
    found = list(read_lines(source(text.encode(encoding)), Reading(encoding=encoding)))
    assert [line.decode() for _, line in found] == [f"{number},{word}{end}" for number in range(30_000)]
    assert [number for number, _ in found] == list(range(1, 30_001))


def test_utf16_that_is_not_declared_is_told(source):
    with pytest.raises(Refusal, match="is UTF-16 by its byte order mark: add `encoding: utf-16`"):
        list(read_lines(source("a\n".encode("utf-16")), Reading()))


@pytest.mark.parametrize("encoding", ["utf-32", "utf-32-be"])
def test_utf32_that_is_not_declared_is_not_taken_for_utf16(source, encoding):
    text = ("\ufeff" if encoding.endswith("be") else "") + "a\n"
    with pytest.raises(Refusal, match="is UTF-32 by its byte order mark: add `encoding: utf-32`"):
        list(read_lines(source(text.encode(encoding)), Reading()))


@pytest.mark.parametrize("order", ["be", "le"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_text_without_a_byte_order_mark_is_refused_with_the_order_to_declare(source, encoding, order):
    path = source("a,b\n".encode(f"{encoding}-{order}"))
    with pytest.raises(Refusal, match=f"declare `encoding: {encoding}-{order}`"):
        list(read_lines(path, Reading(encoding=encoding)))


@pytest.mark.parametrize(
    ("encoding", "unit"),
    [
        ("utf-8", b"\xff"),
        ("utf-8-sig", b"\xff"),
        ("utf-32-le", b"\0\0\x11\1"),
        ("gbk", b"\xff"),
        ("cp1252", b"\x81"),
    ],
)
def test_what_an_encoding_does_not_have_spoils_its_line_and_no_other(source, encoding, unit):
    text = "1,x\n".encode(encoding) + "2,".encode(encoding.replace("-sig", "")) + unit
    path = source(text + "\n3,y\n".encode(encoding.replace("-sig", "")))
    first, (number, spoilt), last = read_lines(path, Reading(encoding=encoding))
    assert (first, last) == ((1, b"1,x\n"), (3, b"3,y\n"))
    assert number == 2
    with pytest.raises(UnicodeDecodeError):
        spoilt.decode("utf-8")


def test_utf16_that_ends_in_the_middle_of_a_character_is_told(source):
    with pytest.raises(Refusal, match="is not utf-16 after line 1 "):
        list(read_lines(source("a\nb".encode("utf-16")[:-1]), Reading(encoding="utf-16")))


@pytest.mark.parametrize("ending", [b"\nlast", b"\r\nlast", b"\rlast", b""])
@pytest.mark.parametrize("size", [1001, 300_000, 3_000_000])
def test_a_line_over_the_limit_is_told_by_its_number_and_the_others_are_read(source, size, ending):
    found = list(read_lines(source(b"first\n" + b"x" * size + ending), Reading(longest=1000)))
    assert found[0] == (1, b"first\n")
    assert found[1][0] == 2
    assert "longer than 1000 bytes" in found[1][1].reason
    assert len(found[1][1].text) < 300
    assert found[2:] == ([(3, b"last")] if ending else [])


def test_a_line_at_the_limit_is_read(source):
    assert list(read_lines(source(b"x" * 999 + b"\n"), Reading(longest=1000))) == [(1, b"x" * 999 + b"\n")]


@pytest.mark.parametrize("packing", ["gz", "zst"])
def test_a_bomb_of_one_line_costs_no_more_than_the_limit(source, packing):
    path = source(packed(b"0" * (1 << 28), packing), f"bomb.{packing}")
    assert path.stat().st_size < 1 << 20
    tracemalloc.start()
    try:
        ((number, bad),) = read_lines(path, Reading(longest=1 << 20))
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
    assert (number, "longer than 1048576 bytes" in bad.reason) == (1, True)


@pytest.mark.parametrize("packing", ["gz", "zst"])
def test_what_is_packed_is_read_as_if_it_were_not(source, packing):
    text = b"".join(b"line %d\n" % number for number in range(100_000))
    half = len(text) // 2
    path = source(packed(text[:half], packing) + packed(text[half:], packing), f"two.{packing}")
    assert b"".join(line for _, line in read_lines(path, Reading())) == text


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-20], "is truncated: its zstd data end after line "),
        (lambda data: b"no zstd at all", "is not intact zstd data after line 0"),
    ],
)
def test_damaged_zstd_is_told(source, damage, message):
    path = source(damage(packed(random.Random(7).randbytes(1 << 20), "zst")), "a.zst")
    with pytest.raises(Refusal, match=message):
        list(read_lines(path, Reading()))


def packed(data, packing):
    return gzip.compress(data, mtime=0) if packing == "gz" else zstd.compress(data)
