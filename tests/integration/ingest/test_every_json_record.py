"""Every record of generated JSON comes back equal from a real load, or is rejected with its line."""

from __future__ import annotations

import json
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from integration.ingest.sources_load import ONE_LOAD, SourceTable
from tiers import full

COLUMNS = {"a": {"path": "a", "optional": True}, "n": {"path": "deep.n", "optional": True}, "rest": "*"}
TEXTS = st.one_of(
    st.text(max_size=6),
    st.sampled_from(["\\N", "\\.", "\0", "\ud800", "\udc00", "\t\\\n\r", "é\u2028", "\U0001f600"]),
)
NUMBERS = st.one_of(
    st.integers(),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False, allow_infinity=False),
    st.just(-0.0),
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
RECORDS = st.builds(
    lambda a, n, more: {"a": a, "deep": {"n": n}, **more},
    st.one_of(SCALARS, VALUES),
    st.one_of(st.integers(-(2**31), 2**31), st.sampled_from(["7", " 8 ", "x", None, True, 1.5])),
    st.dictionaries(st.sampled_from(["b", "c", "d e"]), VALUES, max_size=2),
)
BROKEN = [
    b'{"a": ',
    b"[1]",
    b'"x"',
    b"7",
    b"null",
    b"nan",
    b'{"a": NaN}',
    b"{} {}",
    b'{"a": "\xff"}',
]
BROKEN += [
    b'{"a": "\t"}',
    b"{'a': 1}",
    b'{"a": 01}',
    b'{"a": 1,}',
    b'{"a": "\xed\xa0\x80"}',
    b"\0",
    b"[" * 2000,
]
EMPTY = [b"", b"  ", b"\t"]


def sendable(value):
    """Return whether PostgreSQL has all the characters of a value."""
    if isinstance(value, str):
        return not any(mark == "\0" or "\ud800" <= mark <= "\udfff" for mark in value)
    if isinstance(value, dict):
        return all(sendable(one) for pair in value.items() for one in pair)
    return all(map(sendable, value)) if isinstance(value, list) else True


def text_of(value):
    """Return what a text column has of a value."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, bool) else repr(value)


def row_of(record):
    """Return the row of a record, or None where it is bad."""
    number = record["deep"]["n"]
    whole = isinstance(number, int) and not isinstance(number, bool) and -(2**31) <= number < 2**31
    if (
        isinstance(record["a"], (dict, list))
        or not sendable(record)
        or not (whole or number in ("7", " 8 ", None))
    ):
        return None
    return text_of(record["a"]), number if number is None else int(number), without(record, "a")


def without(record, key):
    return {name: value for name, value in record.items() if name != key}


def shown(row):
    """Return a row so that it can be counted: values of JSON that are equal have one text."""
    return repr((*row[:2], json.dumps(even(row[2]), sort_keys=True)))


def even(value):
    """Return a value with its numbers as fractions: jsonb has 2.5e1 as 25."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return ["number", str(Fraction(repr(value)))]
    if isinstance(value, dict):
        return {name: even(one) for name, one in value.items()}
    return [even(one) for one in value] if isinstance(value, list) else value


def encoded(draw_ascii, record):
    text = json.dumps(record, ensure_ascii=draw_ascii)
    return text.encode("utf-8", "surrogatepass")


def readable(record):
    """Return whether a record's text is UTF-8: half a surrogate pair is only as an escape."""
    return sendable(json.loads(json.dumps(record).replace("\\u0000", "")))


@st.composite
def lines(draw):
    """Draw the lines of a file, each with its record, True where it is broken and None where it is empty."""
    made = []
    for _ in range(draw(st.integers(1, 15))):
        kind = draw(st.sampled_from(["record", "record", "record", "broken", "empty"]))
        if kind == "record":
            record, plain = draw(RECORDS), draw(st.booleans())
            made.append((encoded(plain, record), record if plain or readable(record) else True))
        else:
            made.append(
                (draw(st.sampled_from(BROKEN)), True)
                if kind == "broken"
                else (draw(st.sampled_from(EMPTY)), None)
            )
    return made, draw(st.sampled_from([b"\n", b"\r\n", b"\r"])), draw(st.booleans())


def table_of(number, content, kind):
    types = {"n": "integer", "rest": "jsonb"}
    return SourceTable(
        f"t{number}", f"t{number}.{kind}", content, tuple(COLUMNS), {"columns": COLUMNS}, types
    )


def compare(sources, result, table, good, bad, told):
    assert Counter(map(shown, sources.rows(table))) == Counter(map(shown, good)), told
    assert sorted(one["line"] for one in sources.rejects(table)) == bad, told
    counts = {"read": len(good) + len(bad), "loaded": len(good), "rejected": len(bad)}
    assert counts.items() <= result["tables"][table.name].items()


FIFTEEN = st.lists(lines(), min_size=15, max_size=15)


@settings(max_examples=3, **ONE_LOAD)
@given(FIFTEEN)
def test_every_json_line_comes_back_equal_or_is_rejected_with_its_line(sources, drawn):
    lines_come_back(sources, drawn)


@full
@settings(max_examples=10, **ONE_LOAD)
@given(FIFTEEN)
def test_every_json_line_of_more_files_comes_back_equal_or_is_rejected_with_its_line(sources, drawn):
    lines_come_back(sources, drawn)


def lines_come_back(sources, drawn):
    tables = []
    for number, (made, end, ended) in enumerate(drawn):
        content = end.join(line for line, _ in made) + (end if ended else b"")
        tables.append(table_of(number, content, "jsonl"))
    result = sources.run(tables)
    for table, (made, _, _) in zip(tables, drawn):
        rows = [
            (at, None if record is True else row_of(record))
            for at, (_, record) in enumerate(made, 1)
            if record is not None
        ]
        good, bad = [row for _, row in rows if row], [at for at, row in rows if row is None]
        compare(sources, result, table, good, bad, table.content)


TEN = st.lists(
    st.tuples(st.lists(RECORDS, max_size=10), st.sampled_from([None, 1])), min_size=10, max_size=10
)


@settings(max_examples=3, **ONE_LOAD)
@given(TEN)
def test_every_object_of_an_array_comes_back_equal_or_is_rejected_with_its_line(sources, drawn):
    objects_come_back(sources, drawn)


@full
@settings(max_examples=10, **ONE_LOAD)
@given(TEN)
def test_every_object_of_more_arrays_comes_back_equal_or_is_rejected_with_its_line(sources, drawn):
    objects_come_back(sources, drawn)


def objects_come_back(sources, drawn):
    tables, lines_of = [], []
    for number, (records, indent) in enumerate(drawn):
        texts = [json.dumps(record, indent=indent) for record in records]
        begins = [1 + sum(text.count("\n") + 1 for text in texts[:at]) for at in range(1, len(texts) + 1)]
        lines_of.append([begin - texts[at].count("\n") for at, begin in enumerate(begins)])
        tables.append(table_of(number, ("[\n" + ",\n".join(texts) + "\n]").encode(), "json"))
    result = sources.run(tables)
    for table, (records, _), begins in zip(tables, drawn, lines_of):
        rows = list(zip(begins, map(row_of, records)))
        good, bad = [row for _, row in rows if row], [at for at, row in rows if row is None]
        compare(sources, result, table, good, bad, table.content)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1", "utf-8-sig"])
def test_json_lines_of_another_encoding_come_back(sources, encoding):
    records = [{"a": "é\u00ff"}, {"a": "x", "b": [1]}]
    content = "\n".join(json.dumps(record, ensure_ascii=False) for record in records).encode(encoding)
    table = table_of(0, content, "jsonl")
    table.keys["encoding"] = encoding
    sources.run([table], on_reject=None, max_rejects=None)
    assert sorted(sources.rows(table), key=repr) == [("x", None, {"b": [1]}), ("éÿ", None, {})]
