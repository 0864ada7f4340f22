"""Sources: whatever a file holds, its records come out, or are told as bad, or the file is refused."""

from __future__ import annotations

import gzip
import io
from dataclasses import replace

import pytest
from hostile import fed, json_texts
from hypothesis import strategies as st

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.sources.bad import Bad
from plugins.module_utils.reingest.sources.reader import read_fields, read_records
from plugins.module_utils.reingest.sources.reading import Dialect, Reading

DOCUMENT = {"id": 1, "name": "x", "list": [1, {"a": None}], "deep": {"a": {"b": 1.5}}}
LINES = st.lists(json_texts([DOCUMENT]), max_size=4).map(b"\n".join)
FIELDS = st.lists(
    st.sampled_from(
        [b'"', b",", b"\n", b"\r", b"\t", b'""', b"a", b"\0", b"\xff", b"\\", b"\\N", b"x" * 500]
    ),
    max_size=40,
).map(b"".join)
DIALECTS = st.builds(
    Dialect,
    delimiter=st.sampled_from([",", "\t", ";", "||"[:1]]),
    quote=st.sampled_from(["", '"', "'"]),
    null=st.sampled_from(["", "\\N"]),
    escape=st.sampled_from(["", "\\"]),
    header=st.integers(0, 2),
    names=st.sampled_from([(), ("a", "b")]),
    skip=st.integers(0, 2),
)


def read(folder, only, reading, content, name="source"):
    path = folder / name
    path.write_bytes(content)
    with only(Refusal):
        read_fields(reading, path)
        for number, record in read_records(reading, path):
            assert number > 0 or reading.format == "parquet"
            assert isinstance(record, (dict, tuple, list, Bad)), type(record)


@fed(LINES, st.sampled_from([64 << 20, 50]), st.sampled_from(["utf-8", "latin-1", "utf-16"]))
def test_json_lines(folder, only, content, longest, encoding):
    read(folder, only, Reading("jsonl", longest=longest, encoding=encoding), content)


@fed(json_texts([{"a": {"b": [DOCUMENT, DOCUMENT]}}, [DOCUMENT]]), st.sampled_from(["", "a.b", "a", "a.b.c"]))
def test_a_json_document(folder, only, content, records):
    read(folder, only, Reading("json", records=records), content)


@fed(FIELDS | LINES, DIALECTS, st.sampled_from([64 << 20, 50]))
def test_fields(folder, only, content, dialect, longest):
    read(folder, only, Reading("csv", dialect=dialect, longest=longest), content)


@pytest.fixture(scope="module")
def parquet():
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet as files

    out = io.BytesIO()
    table = pyarrow.table({"id": [1, 2], "name": ["a", None], "list": [[1], []], "at": [{"x": 1}, None]})
    files.write_table(table, out)
    return out.getvalue()


@pytest.fixture(scope="module")
def bson_dump():
    bson = pytest.importorskip("bson")
    return b"".join(bson.encode({**DOCUMENT, "_id": number}) for number in range(3))


@st.composite
def damage(draw):
    """Return what is done to a file of bytes: each place is a share of its length."""
    return draw(st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4)), max_size=4)), draw(
        st.floats(0.3, 1)
    )


def damaged(content, how):
    places, kept = how
    made = bytearray(content)
    for share, new in places:
        at = int(share * (len(made) - 1))
        made[at : at + len(new)] = new
    return bytes(made[: int(len(made) * kept)] if kept < 0.6 else made)


@fed(damage())
def test_parquet(folder, only, parquet, how):
    read(folder, only, Reading("parquet"), damaged(parquet, how))


@fed(damage())
def test_bson(folder, only, bson_dump, how):
    read(folder, only, Reading("bson"), damaged(bson_dump, how))


@fed(
    LINES,
    damage(),
    st.sampled_from(["source.jsonl.gz", "source.jsonl.zst", "source.jsonl.bz2", "source.jsonl.xz"]),
)
def test_packed_lines(folder, only, content, how, name):
    packed = gzip.compress(content) if name.endswith("gz") else content
    read(folder, only, replace(Reading("jsonl"), longest=1000), damaged(packed, how), name)
