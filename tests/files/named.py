"""The files that once ended a load, or were read wrongly: each with its rows and its bad lines.

A case is loaded twice: with bad rows set aside, when its rows and the lines of its rejects must be these; and
without, when the first of its rejects must be told by file and line, or its rows must be there.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import struct
from dataclasses import dataclass, field
from pathlib import Path

SHARED = Path(__file__).parents[1] / "data/load_cases"
ALL = object()  # rows that are only counted


@dataclass(frozen=True)
class Case:
    """What is loaded, and what is right.

    ``rows`` are those of the query ``shown``, as text; ``bad`` the lines of rejects. ``refused`` are words
    that a refusal has, where one is right whatever the dataset does with bad rows.
    """

    name: str
    schema: str
    tables: dict
    files: dict
    rows: tuple = ()
    bad: tuple = ()
    refused: tuple = ()
    shown: str = "SELECT whole::text FROM t AS whole ORDER BY 1"
    top: dict = field(default_factory=dict)
    refused_only_in_plan: bool = False
    aside_anyway: bool = False  # `orphans: quarantine` sets rows aside, whatever `on_reject` says
    before: str = ""  # the load, in database postgres
    after: str = ""

    def dataset(self, **top):
        return {"database": "portal", "schema": "schema.sql", "tables": self.tables, **self.top, **top}


def one(name, columns, file, content, *, keys=None, **right):
    """Return the case of one table ``t`` that is filled from one file."""
    table = {"owner": "source", "from": file, **(keys or {})}
    schema = f"CREATE TABLE t ({columns});"
    content = content.encode() if isinstance(content, str) else content
    return Case(name, schema, {"t": table}, {file: content}, **right)


def csv(name, columns, content, **right):
    return one(name, columns, "t.csv", content, **right)


def lines(name, columns, content, paths=None, **right):
    paths = paths or {column.split()[0]: column.split()[0] for column in columns.split(",")}
    keys = {"columns": paths, **right.pop("keys", {})}
    return one(name, columns, "t.jsonl", content, keys=keys, **right)


def parquet(name, columns, table, *, options=None, **right):
    from pyarrow import parquet as files

    out = io.BytesIO()
    files.write_table(table, out, **(options or {}))
    return one(name, columns, "t.parquet", out.getvalue(), **right)


def shared(name):
    return (SHARED / name).read_bytes()


def texts():
    """Yield CSV and JSON lines."""
    wide = shared("row_too_big.csv")
    width = wide.split(b"\n")[0].count(b",") + 1
    yield csv(
        "a row too big for a page",
        ", ".join(f"c{at} text" for at in range(width)),
        wide,
        shown="SELECT count(*)::text FROM t",
        rows=("1",),
        bad=(3,),
    )
    letters = "".join(hashlib.sha256(str(at).encode()).hexdigest() for at in range(200))
    for kind in ("PRIMARY KEY", "UNIQUE", ""):
        yield Case(
            f"a value too long for an index ({kind or 'plain'})",
            f"CREATE TABLE t (id int, v text {kind});" + ("" if kind else "CREATE INDEX ON t (v);"),
            {"t": {"owner": "source", "from": "t.csv"}},
            {"t.csv": f"id,v\n1,x\n2,{letters}\n3,y\n".encode()},
            shown="SELECT id::text FROM t ORDER BY 1",
            rows=("1", "3"),
            bad=(3,),
        )
    yield Case(
        "an index's expression that a row breaks",
        "CREATE TABLE t (id int, v int); CREATE INDEX ON t ((100 / v));",
        {"t": {"owner": "source", "from": "t.csv"}},
        {"t.csv": b"id,v\n1,1\n2,0\n3,3\n"},
        rows=("(1,1)", "(3,3)"),
        bad=(3,),
    )
    yield csv("UTF-16 without a mark", "a text, b text", shared("utf16_no_bom.csv"),
              keys={"encoding": "utf-16"}, refused=("t.csv", "utf-16", "be"))  # fmt: skip
    yield csv("UTF-16 by its own name", "a text, b text", shared("utf16_no_bom.csv"),
              keys={"encoding": "utf-16-be"}, rows=("(1,é)",))  # fmt: skip
    yield csv("one bad byte after a mark", "a int, b text", shared("utf8sig_badbyte.csv"),
              keys={"encoding": "utf-8-sig"}, rows=("(1,x)", "(3,y)"), bad=(3,))  # fmt: skip
    yield csv("a mark of UTF-32", "a int, b text", "a,b\n1,x\n".encode("utf-32"),
              refused=("t.csv", "UTF-32", "encoding: utf-32"))  # fmt: skip
    yield csv("UTF-32 as declared", "a int, b text", "a,b\n1,x\n".encode("utf-32"),
              keys={"encoding": "utf-32"}, rows=("(1,x)",))  # fmt: skip
    packed = gzip.compress(b"a,b\n1,x\n2,y\n")
    gz = {"columns": "a int, b text", "file": "t.csv.gz"}
    yield one("gzip with zeros behind it", **gz, content=packed + b"\0" * 700, rows=("(1,x)", "(2,y)"))
    yield one("gzip with other bytes behind it", **gz, content=packed + b"\0\0trailing",
              refused=("t.csv.gz", f"from byte {len(packed) + 3} on"))  # fmt: skip
    yield one("gzip that is cut", **gz, content=packed[:-6], refused=("t.csv.gz is truncated",))
    yield one("two gzip files in one", **gz, content=packed + gzip.compress(b"3,z\n"),
              rows=("(1,x)", "(2,y)", "(3,z)"))  # fmt: skip
    python = '{"a": 1, "b": NaN}\n{"a": 2, "b": 1.5}\n{"a": 3, "b": -Infinity}\n'
    yield lines("NaN as Python writes it", "a int, b float8", python, rows=("(2,1.5)",), bad=(1, 3))
    yield lines("NaN that is declared as NULL", "a int, b float8", python, keys={"nan": "null"},
                rows=('(1,)', "(2,1.5)", "(3,)"))  # fmt: skip
    array = "[" * 300 + "1" + "]" * 300
    yield lines("an array nested 300 deep", "a int, b text[]",
                f'{{"a": 1, "b": [1]}}\n{{"a": 2, "b": {array}}}\n', rows=("(1,{1})",), bad=(2,))  # fmt: skip
    yield lines("JSON nested 300 deep in jsonb", "a int, b jsonb",
                f'{{"a": 1, "b": [1]}}\n{{"a": 2, "b": {array}}}\n',
                shown="SELECT a::text FROM t ORDER BY 1", rows=("1", "2"))  # fmt: skip
    much = "[" * 100_000 + "]" * 100_000
    yield lines("JSON nested 100,000 deep", "a int, b jsonb",
                f'{{"a": 1, "b": [1]}}\n{{"a": 2, "b": {much}}}\n', rows=('(1,[1])',), bad=(2,))  # fmt: skip
    objects = '{"k":' * 400 + "1" + "}" * 400
    yield lines("objects nested 400 deep in jsonb", "a int, b jsonb",
                f'{{"a": 1, "b": [1]}}\n{{"a": 2, "b": {objects}}}\n',
                shown="SELECT a::text FROM t ORDER BY 1", rows=("1", "2"))  # fmt: skip
    big = "9" * 5000
    yield lines("a number of 5000 digits", "a int, b numeric",
                "".join(f'{{"a": {a}, "b": {b}}}\n' for a, b in enumerate(("1", big, "1e999999", "2"), 1)),
                shown="SELECT a::text FROM t ORDER BY 1", rows=("1", "4"), bad=(2, 3))  # fmt: skip
    document = f'[{{"a": 1}}, {{"a": 2, "b": {"[" * 900 + "]" * 900}}}]'
    yield one("a document nested 900 deep", "a int, b jsonb", "t.json", document,
              keys={"columns": {"a": "a", "b": "b"}}, shown="SELECT a::text FROM t ORDER BY 1",
              rows=("1", "2"))  # fmt: skip
    late = "".join(json.dumps({"a": at, **({"b": "x"} if at >= 695 else {})}) + "\n" for at in range(1, 800))
    yield lines("a path that is first on line 695", "a int, b text", late,
                shown="SELECT count(*)::text || ' ' || count(b) FROM t", rows=("799 105",))  # fmt: skip
    never = "".join(json.dumps({"a": at}) + "\n" for at in range(1, 3))
    yield lines("a path that is nowhere", "a int, b text", never, refused=("the path b occurs in no record",))


def declared():
    """Yield what people have, and may declare."""
    ragged = "a,b,c\n1,x,y\n2\n3,x,y,z,w\n4,p,q\n"
    columns = "a int, b text, c text"
    yield csv("ragged rows that nobody declared", columns, ragged, rows=("(1,x,y)", "(4,p,q)"), bad=(3, 4))
    yield csv("narrow rows with NULL", columns, ragged, keys={"narrow": "null"},
              rows=("(1,x,y)", "(2,,)", "(4,p,q)"), bad=(4,))  # fmt: skip
    yield csv("wide rows cut", columns, ragged, keys={"wide": "drop"},
              rows=("(1,x,y)", "(3,x,y)", "(4,p,q)"), bad=(3,))  # fmt: skip
    yield csv("ragged rows", columns, ragged, keys={"narrow": "null", "wide": "drop"},
              rows=("(1,x,y)", "(2,,)", "(3,x,y)", "(4,p,q)"))  # fmt: skip
    same = {"origin": {"value": "a\t\\N"}, "part": {"value": 7}, "open": {"value": True}}
    columns = "id int, name text, origin text, part numeric(4, 1), open bool"
    named = {"id": "id", "name": "name", **same}
    yield csv("the same value in each row", columns, "id,name\n1,x\n2,\nthree,z\n", keys={"columns": named},
              rows=('(1,x,"a\t\\\\N",7.0,t)', '(2,,"a\t\\\\N",7.0,t)'), bad=(4,))  # fmt: skip
    yield lines("the same value in each row, and an element of an array", columns + ", rest jsonb",
                '{"id": 1, "of": [], "more": 2}\n{"id": 2, "of": ["x", "y"]}\n',
                {"id": "id", "name": "of.0", **same, "rest": "*"},
                shown="SELECT concat_ws(' ', id, name, part, open, rest) FROM t ORDER BY 1",
                rows=('1 7.0 t {"of": [], "more": 2}', '2 x 7.0 t {"of": ["x", "y"]}'))  # fmt: skip
    yield csv("the same value in each row that does not fit", "id int, part int", "id\n1\n",
              keys={"columns": {"id": "id", "part": {"value": "x"}}}, bad=(2,))  # fmt: skip
    trailing = "a,b,\n1,x,\n2,,\n3,x\n4,x,y\n"
    yield csv("a trailing delimiter", "a int, b text", trailing, keys={"trailing_delimiter": True},
              rows=("(1,x)", "(2,)"), bad=(4, 5))  # fmt: skip
    yield csv("a trailing delimiter without one in the header", "a int, b text", "a,b\n1,x,\n2,,\n",
              keys={"trailing_delimiter": True}, rows=("(1,x)", "(2,)"))  # fmt: skip
    yield csv("delimiters of two characters", columns, 'a||b||c\n1||x|y||"p||q"\n2||""||z\n',
              keys={"delimiter": "||"}, rows=("(1,x|y,p||q)", "(2,,z)"))  # fmt: skip
    yield csv("delimiters with blanks behind them", columns, 'a, b, c\n1, x,  "p, q"\n2,y, z\n',
              keys={"blanks": "skip"}, rows=('(1,x,"p, q")', "(2,y,z)"))  # fmt: skip
    long = "n" * 70
    names = f"id,,id,{long}\n1,x,2,y\n"
    yield csv("a header with empty, repeated and long names", "a int, b text, c int, d text", names,
              keys={"header_names": "number", "columns": {"a": "id", "b": "2", "c": "id_3", "d": long[:63]}},
              rows=("(1,x,2,y)",))  # fmt: skip
    yield csv("a header that names a field twice", "id int, b int", "id,id\n1,2\n",
              refused=("t.csv:1", "'id'", "twice"))  # fmt: skip
    again = "\ufeffa,b\n1,x\n\ufeffa,b\n2,y\na,b\n3,z\n"
    yield csv("headers in the middle that are declared", "a text, b text", again,
              keys={"repeated_header": "skip"}, rows=("(1,x)", "(2,y)", "(3,z)"))  # fmt: skip
    form = {"columns": {"a": "a", "b": {"path": "b", "decimal": ",", "thousands": "."}}}
    numbers = 'a,b\n1,"1.234,5"\n2,"0,25"\n3,x\n4,"1.2,3"\n'
    yield csv("decimal commas and thousands", "a int, b numeric", numbers,
              keys=form, rows=("(1,1234.5)", "(2,0.25)"), bad=(4, 5))  # fmt: skip
    dates = {"columns": {"a": "a", "b": {"path": "b", "format": "DD-MON-YY"}}}
    yield csv("dates of another form", "a int, b date", "a,b\n1,04-MAR-21\n2,31-FEB-21\n3,2021-03-04\n4,\n",
              keys=dates, rows=("(1,2021-03-04)", "(4,)"), bad=(3, 4))  # fmt: skip


def typed():
    """Yield Parquet and BSON."""
    import bson
    import pyarrow as arrow

    yield one("Parquet text that is no UTF-8", "id int, t text", "t.parquet", shared("pq_bad_utf8.parquet"),
              rows=("(2,a)",), bad=(1,))  # fmt: skip
    days = arrow.array([-800000, 0, 3_000_000], "int32").cast("date32")
    seconds = arrow.array([-(10**17), 0, 3 * 10**17], "int64").cast(arrow.timestamp("us"))
    yield parquet(
        "Parquet dates before Christ and after 9999",
        "id int, d date, at timestamp, n jsonb",
        arrow.table({"id": arrow.array([1, 2, 3], "int32"), "d": days, "at": seconds,
                     "n": arrow.StructArray.from_arrays([days], ["d"])}),
        shown="SELECT id::text || ' ' || d || ' ' || at || ' ' || n FROM t ORDER BY id",
        rows=(
            '1 0222-09-04 BC 1200-02-15 14:13:20 BC {"d": "0222-09-04 BC"}',
            '2 1970-01-01 1970-01-01 00:00:00 {"d": "1970-01-01"}',
            '3 10183-09-21 11476-08-15 05:20:00 {"d": "10183-09-21"}',
        ),
    )  # fmt: skip
    yield one("Parquet dates of the sample", "id int, t date", "t.parquet", shared("pq_date_bc.parquet"),
              rows=('(1,"0222-09-04 BC")', "(2,1970-01-01)"))  # fmt: skip
    yield one("nested nanoseconds", "id int, s jsonb", "t.parquet", shared("pq_nested_ns.parquet"),
              shown="SELECT id::text || ' ' || s FROM t ORDER BY 1",
              rows=tuple(f'{at} {{"t": "2024-01-01 20:34:56.123456"}}' for at in (1, 2)))  # fmt: skip
    yield parquet("Parquet columns of one name", "id int, v int",
                  arrow.table([arrow.array([1]), arrow.array([2]), arrow.array([3])], ["id", "v", "v"]),
                  refused=("t.parquet", "'v'", "twice"))  # fmt: skip
    text = "x" * 100_000
    dictionary = arrow.DictionaryArray.from_arrays(arrow.array([0] * 30_000, "int32"), [text])
    yield parquet("a dictionary that asks for 3 GB", "id int, v text",
                  arrow.table({"id": arrow.array(range(30_000), "int32"), "v": dictionary}),
                  options={"compression": "zstd"},
                  shown="SELECT count(*)::text || ' ' || sum(length(v)) FROM t",
                  rows=("30000 3000000000",))  # fmt: skip

    def documents(*some):
        return b"".join(bson.encode(document) for document in some)

    def dump(name, columns, content, **right):
        paths = {column.split()[0]: column.split()[0] for column in columns.split(",")}
        return one(name, columns, "t.bson", content, keys={"columns": paths}, **right)

    def nested(depth):
        body = b"\x10x\x00\x01\x00\x00\x00"
        document = struct.pack("<i", len(body) + 5) + body + b"\0"
        for _ in range(depth):
            body = b"\x03k\x00" + document
            document = struct.pack("<i", len(body) + 5) + body + b"\0"
        whole = b"\x10a\x00\x02\x00\x00\x00\x03b\x00" + document
        return struct.pack("<i", len(whole) + 5) + whole + b"\0"

    yield dump("BSON nested 500 deep", "a int, b jsonb", documents({"a": 1, "b": {}}) + nested(500),
               shown="SELECT a::text FROM t ORDER BY 1", rows=("1",), bad=(2,))  # fmt: skip
    yield dump("BSON nested 5000 deep", "a int, b jsonb", documents({"a": 1, "b": {}}) + nested(5000),
               shown="SELECT a::text FROM t ORDER BY 1", rows=("1",), bad=(2,))  # fmt: skip
    odd = bson.decimal128.Decimal128("NaN")
    payload = bson.decimal128.Decimal128.from_bid(b"\x07" + b"\0" * 14 + b"\x7c")
    signal = bson.decimal128.Decimal128.from_bid(b"\x07" + b"\0" * 14 + b"\x7e")
    yield dump("decimals that are none", "a int, b numeric",
               documents(*({"a": at, "b": value} for at, value in enumerate((odd, payload, signal), 1))),
               rows=("(1,NaN)", "(2,NaN)", "(3,NaN)"))  # fmt: skip
    yield dump("keys before and behind all", "a int, b jsonb",
               documents({"a": 1, "b": bson.min_key.MinKey()}, {"a": 2, "b": [bson.max_key.MaxKey()]},
                         {"a": 3, "b": 1}),
               shown="SELECT a::text || ' ' || b FROM t ORDER BY 1",
               rows=('1 {"$minKey": 1}', '2 [{"$maxKey": 1}]', "3 1"))  # fmt: skip
    far = bson.datetime_ms.DatetimeMS(-(10**14)), bson.datetime_ms.DatetimeMS(3 * 10**14)
    yield dump("BSON times before Christ and after 9999", "a int, b timestamptz",
               documents({"a": 1, "b": far[0]}, {"a": 2, "b": far[1]}),
               shown="SELECT a || ' ' || (b AT TIME ZONE 'UTC') FROM t ORDER BY 1",
               rows=("1 1200-02-15 14:13:20 BC", "2 11476-08-15 05:20:00"))  # fmt: skip


def names():
    """Yield names with all that a name may have."""
    header = 'Bin Id,% complete,%s,contamination (%),"a""b",select,Größe {x},tab.col,parent %\n'
    rows = "".join(f"{at},99.5,%d,1.5,q%,s,ö,t,{at - 1 if at > 1 else ''}\n" for at in range(1, 51))
    schema = """
CREATE DOMAIN "per % {x}" AS numeric;
CREATE TABLE "Bin %" (
  "Bin Id" bigserial PRIMARY KEY, "% complete" "per % {x}" NOT NULL, "%s" text,
  "contamination (%)" double precision, "a""b" text, "select" text, "Größe {x}" text, "tab.col" text,
  "parent %" bigint REFERENCES "Bin %"
);
CREATE INDEX "by % complete" ON "Bin %" ("% complete");
COMMENT ON INDEX "by % complete" IS '100%s sure';
COMMENT ON CONSTRAINT "Bin %_pkey" ON "Bin %" IS 'a %s {key}';
CREATE MATERIALIZED VIEW "sums % {x}" AS SELECT count(*) FROM "Bin %";
"""
    again = "50,99.5,%d,1.5,q%,s,ö,t,49\n"
    bad = "51,1,%(x)s\n52,100,%d,many %,q%,s,ö,t,1\n"
    orphan = "53,99.5,%d,1.5,q%,s,ö,t,999\n"
    for orphans in ("drop", "quarantine"):
        yield Case(
            f"names with marks of statements, orphans: {orphans}",
            schema,
            {"Bin %": {"owner": "source", "from": "bins.csv", "duplicates": "drop", "orphans": orphans}},
            {"bins.csv": (header + rows + again + bad + orphan).encode()},
            shown='SELECT count(*)::text FROM "Bin %"',
            rows=("50",),
            bad=(53, 54, 55) if orphans == "quarantine" else (53, 54),
        )
    yield Case(
        "tables with inheritance children",
        "CREATE TABLE animal (id integer PRIMARY KEY, name text NOT NULL);"
        "CREATE TABLE dog (breed text, PRIMARY KEY (id)) INHERITS (animal);",
        {"animal": {"owner": "source", "from": "animal.csv"}, "dog": {"owner": "source", "from": "dog.csv"}},
        {"animal.csv": b"id,name\n1,generic\n", "dog.csv": b"id,name,breed\n2,rex,lab\n3,fido,pug\n"},
        shown="SELECT tableoid::regclass::text || id FROM animal ORDER BY 1",
        rows=("animal1", "dog2", "dog3"),
    )
    yield Case(
        "inheritance children with keys, duplicates and orphans",
        "CREATE TABLE kind (id text PRIMARY KEY);"
        "CREATE TABLE animal (id integer PRIMARY KEY, kind text REFERENCES kind);"
        "CREATE TABLE dog (breed text, PRIMARY KEY (id), FOREIGN KEY (kind) REFERENCES kind)"
        " INHERITS (animal);",
        {
            "kind": {"owner": "source", "from": "kind.csv"},
            "animal": {"owner": "source", "from": "animal.csv", "duplicates": "drop", "orphans": "drop"},
            "dog": {"owner": "source", "from": "dog.csv", "duplicates": "drop", "orphans": "drop"},
        },
        {
            "kind.csv": b"id\nk\n",
            "animal.csv": b"id,kind\n1,k\n1,k\n2,x\n",
            "dog.csv": b"id,kind,breed\n1,k,a\n2,k,lab\n3,x,pug\n3,x,pug\n",
        },
        shown="SELECT tableoid::regclass::text || id FROM animal ORDER BY 1",
        rows=("animal1", "dog1", "dog2"),
    )
    yield Case(
        "a field for a generated column",
        "CREATE TABLE users (id integer PRIMARY KEY, country_id integer,"
        " score bigint GENERATED ALWAYS AS (id + country_id) STORED, note text);",
        {"users": {"owner": "source", "from": "users.csv"}},
        {"users.csv": b"id,country_id,score,note\n1,2,3,a\n2,3,5,b\n"},
        refused=("users", "score", "generated", "columns: {id: id, country_id: country_id, note: note}"),
        refused_only_in_plan=True,
    )


def schemas():
    """Yield schemas as people and pg_dump write them."""
    study = {"owner": "source", "from": "study.csv"}
    sample = {"owner": "source", "from": "sample.csv"}
    tables = {"study": {"owner": "portal"}, "app.study": study, "app.sample": sample}
    files = {
        "study.csv": b"id,name\ns1,One\ns2,Two\n",
        "sample.csv": b'id,study_id,part\na,s1,"[1,3)"\nb,s2,\n',
    }
    body = """
CREATE FUNCTION norm(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT lower($1) $$;
CREATE DOMAIN label AS text CHECK (VALUE <> '');
CREATE TABLE study (id text PRIMARY KEY, name label NOT NULL);
CREATE TABLE sample (id text PRIMARY KEY, study_id text NOT NULL REFERENCES study, part int4range,
                     EXCLUDE USING gist (part WITH &&));
CREATE INDEX study_norm ON study (norm(name)) WHERE norm(name) <> 'x';
"""
    for how in ("SET search_path = app;", "SET LOCAL search_path = app;",
                "SELECT pg_catalog.set_config('search_path', 'app', false);"):  # fmt: skip
        yield Case(
            f"type names under {how}",
            f"CREATE TABLE study (id text PRIMARY KEY);\nCREATE SCHEMA app; {how}\n{body}",
            tables,
            files,
            shown="SELECT name::text FROM app.study UNION ALL SELECT id FROM app.sample ORDER BY 1",
            rows=("One", "Two", "a", "b"),
        )
    yield Case(
        "what pg_dump writes around a schema",
        "\\restrict abcDEF123\n\nSET statement_timeout = 0;\nCREATE TABLE t (a int, b text);\n\n"
        "\\unrestrict abcDEF123\n\n",
        {"t": {"owner": "source", "from": "t.csv"}},
        {"t.csv": b"a,b\n1,x\n"},
        rows=("(1,x)",),
    )
    yield Case(
        "an index's statistics target and what else its definition leaves out",
        "CREATE TABLE t (id integer PRIMARY KEY, sensor text NOT NULL);"
        "CREATE INDEX t_sensor ON t (lower(sensor));"
        "ALTER INDEX t_sensor ALTER COLUMN 1 SET STATISTICS 500;"
        "CREATE INDEX t_both ON t (sensor, id); COMMENT ON INDEX t_both IS 'both %';"
        "ALTER TABLE t CLUSTER ON t_both; CREATE UNIQUE INDEX t_id ON t (id);"
        "ALTER TABLE t REPLICA IDENTITY USING INDEX t_id;",
        {"t": {"owner": "source", "from": "t.csv"}},
        {"t.csv": b"id,sensor\n1,x\n"},
        shown="SELECT c.relname || ' ' || coalesce(a.attstattarget, -1) || ' ' || i.indisclustered || ' '"
        " || i.indisreplident || ' ' || coalesce(obj_description(c.oid), '-') FROM pg_index i"
        " JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = 1"
        " WHERE i.indrelid = 't'::regclass ORDER BY 1",
        rows=(
            "t_both -1 true false both %",
            "t_id -1 false true -",
            "t_pkey -1 false false -",
            "t_sensor 500 false false -",
        ),
    )


def servers():
    """Yield what a staging server may have been set to, or hold: statements that come before the load."""
    trigram = "CREATE SCHEMA extra; CREATE TABLE study (id text PRIMARY KEY, name text NOT NULL);"
    study = {"study": {"owner": "source", "from": "study.csv"}}
    files = {"study.csv": b"id,name\ns1,One\n"}
    shown = {"shown": "SELECT id || name FROM study", "rows": ("s1One",)}
    there = "CREATE SCHEMA extra; CREATE TABLE study (id int);"
    gone = "DROP SCHEMA extra; DROP TABLE study;"
    yield Case("a schema whose names are in database postgres", trigram, study, files,
               before=there, after=gone, **shown)  # fmt: skip
    yield Case("a schema that names the portal's database",
               trigram + "ALTER DATABASE portal SET timezone = 'UTC';", study, files,
               before="DROP DATABASE IF EXISTS portal WITH (FORCE);", **shown)  # fmt: skip
    timeouts = (
        "statement_timeout",
        "lock_timeout",
        "idle_session_timeout",
        "idle_in_transaction_session_timeout",
    )
    yield Case("timeouts of the role", "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
               " $$ BEGIN PERFORM pg_sleep(0.3); RETURN NEW; END $$; CREATE TABLE study (id text, name text);"
               "CREATE TRIGGER slow BEFORE INSERT ON study FOR EACH ROW EXECUTE FUNCTION slow();",
               study, files,
               before="".join(f"ALTER ROLE postgres SET {name} = '100ms';" for name in timeouts),
               after="ALTER ROLE postgres RESET ALL;", **shown)  # fmt: skip


def cases():
    """Yield all of them."""
    for room in (texts, declared, typed, names, schemas, servers):
        yield from room()
