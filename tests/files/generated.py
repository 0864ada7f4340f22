"""Files that are made up: by hypothesis, of all that means something in a format, and good ones, damaged."""

from __future__ import annotations

import gzip
import io
import json
import random

DOCUMENT = {"id": 1, "name": "x", "list": [1, {"a": None}], "deep": {"a": {"b": 1.5}}}
SCHEMA = "CREATE TABLE t (id int, name text, list jsonb, deep jsonb);"
_ODD = (b'"', b"\0", b"\xff\xfe", b"\n", b"\r", b"{", b"[" * 300, b"NaN", b"\\u0000", b"9" * 400)
_PATHS = {name: {"path": name, "optional": True} for name in DOCUMENT}


def table(file, **keys):
    """Return the dataset of one table, with bad rows set aside."""
    form = {"columns": _PATHS, **keys}
    own = {"owner": "source", "from": file, **form, "on_reject": "quarantine", "max_rejects": "100%"}
    return {"database": "portal", "schema": "schema.sql", "tables": {"t": own}}


def good_files():
    """Return a good file of each format, by its name, with the keys of its table."""
    import bson
    import pyarrow as arrow
    from pyarrow import parquet

    records = [{**DOCUMENT, "id": at, "name": f"name {at}"} for at in range(200)]
    lines = "".join(json.dumps(record) + "\n" for record in records).encode()
    fields = "id,name\n" + "".join(f'{at},"name {at}"\n' for at in range(200))
    found = {
        "t.jsonl": (lines, {}),
        "t.json": (json.dumps(records).encode(), {}),
        "t.csv": (fields.encode(), {"columns": {"id": "id", "name": "name"}}),
        "t.tsv": (fields.replace(",", "\t").encode(), {"columns": {"id": "id", "name": "name"}}),
        "t.bson": (b"".join(map(bson.encode, records)), {}),
        "t.jsonl.gz": (gzip.compress(lines), {}),
        "t.csv.gz": (gzip.compress(fields.encode()), {"columns": {"id": "id", "name": "name"}}),
    }
    columns = arrow.table({
        "id": list(range(200)),
        "name": [f"name {at % 9}" for at in range(200)],
        "list": [[1, 2]] * 200,
        "deep": [{"at": arrow.scalar(at * 10**9, arrow.timestamp("ns")).as_py()} for at in range(200)],
    })  # fmt: skip
    for name, options in (("t.parquet", {}), ("t.parquet ", {"compression": "zstd", "row_group_size": 50})):
        out = io.BytesIO()
        parquet.write_table(columns, out, **options)
        found[name.replace(" ", "")] = (out.getvalue(), {})
    from backports import zstd

    found["t.jsonl.zst"] = (zstd.compress(lines), {})
    return found


def damaged(content, chance):
    """Return a file with up to five things done to it: bytes changed, out, in, doubled, or its end cut."""
    made = bytearray(content)
    for _ in range(chance.randint(1, 5)):
        at, size = chance.randrange(len(made) + 1), chance.choice((1, 1, 2, 4, 30, 500))
        deed = chance.randrange(6)
        if deed == 0:
            made[at : at + size] = bytes(chance.randrange(256) for _ in range(size))
        elif deed == 1:
            del made[at : at + size]
        elif deed == 2:
            made[at:at] = chance.choice(_ODD)
        elif deed == 3:
            made[at:at] = made[at : at + size]
        elif deed == 4 and made:
            made[min(at, len(made) - 1)] ^= 1 << chance.randrange(8)
        elif deed == 5 and chance.random() < 0.3:
            del made[at:]
    return bytes(made)


def mutated(seed):
    """Yield, on and on, the name of a format, a file and its dataset; the same for the same seed."""
    chance, good = random.Random(seed), good_files()
    while True:
        for name, (content, keys) in good.items():
            yield name, damaged(content, chance), table(name, **keys)


def by_hypothesis():
    """Return strategies of files, each with its dataset, by the name of the format."""
    from fuzz.test_sources import FIELDS, LINES
    from hostile import json_texts
    from hypothesis import strategies as st

    dialect = st.fixed_dictionaries(
        {},
        optional={
            "delimiter": st.sampled_from([",", ";", "\t", "||", ", "]),
            "quote": st.sampled_from(["", '"', "'"]),
            "null": st.sampled_from(["\\N", "a"]),
            "skip": st.integers(1, 2),
            "narrow": st.just("null"),
            "wide": st.just("drop"),
            "trailing_delimiter": st.booleans(),
            "blanks": st.just("skip"),
            "encoding": st.sampled_from(["latin-1", "utf-16", "utf-8-sig", "gbk", "utf-32-le"]),
            "longest": st.just(50),
        },
    )
    header = st.sampled_from([{"header": ["id", "name"]}, {"header": False}])

    def fields(content, keys, head):
        columns = (
            {"id": "id", "name": "name"} if isinstance(head["header"], list) else {"id": "1", "name": "2"}
        )
        return content, table("t.csv", **keys, **head, columns=columns)

    nan = st.sampled_from([{}, {"nan": "null"}])
    documents = json_texts([[DOCUMENT, DOCUMENT]])
    return {
        "csv": st.builds(fields, FIELDS, dialect, header),
        "jsonl": st.builds(lambda content, keys: (content, table("t.jsonl", **keys)), LINES, nan),
        "json": st.builds(lambda content, keys: (content, table("t.json", **keys)), documents, nan),
    }
