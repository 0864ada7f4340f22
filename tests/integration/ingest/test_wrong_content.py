"""A table that holds something else than was sent ends the load, whatever the source's format."""

from __future__ import annotations

import io
import json
import struct

import pyarrow
import pyarrow.parquet
import pytest
from integration.ingest.wire import tampered
from tiers import sample, sample_of

from plugins.module_utils.reingest.errors import Refusal

COLUMNS = """
    id integer, name text NOT NULL, note text, amount double precision, depth integer, at timestamptz,
    ok boolean
"""
NAMES = ["id", "name", "note", "amount", "depth", "at", "ok"]
ROWS = [
    {
        "id": number,
        "name": f"name {number}, deep",
        "note": None if number % 3 else f'the "note"\n{number}',
        "amount": number + 0.12345,
        "depth": number * 7 if number % 5 else None,
        "at": f"2021-02-{number % 28 + 1:02}T10:{number % 60:02}:00Z",
        "ok": number % 2 == 0,
    }
    for number in range(1, 400)
]
HALF = len(ROWS) // 2


def as_csv(rows):
    def field(value):
        text = "" if value is None else json.dumps(value) if not isinstance(value, str) else value
        return '"' + text.replace('"', '""') + '"' if set(text) & set('",\n') else text

    lines = [NAMES, *([one[name] for name in NAMES] for one in rows)]
    return "".join(",".join(map(field, line)) + "\n" for line in lines).encode()


def as_lines(rows):
    return "".join(json.dumps(one) + "\n" for one in rows).encode()


def as_parquet(rows):
    types = [pyarrow.int32(), *[pyarrow.string()] * 2, pyarrow.float64(), pyarrow.int32()]
    values = [pyarrow.array([one[name] for one in rows], type_) for name, type_ in zip(NAMES, types)]
    times = pyarrow.array([one["at"].rstrip("Z") for one in rows]).cast(pyarrow.timestamp("us"))
    values += [times.cast(pyarrow.timestamp("us", "UTC")), pyarrow.array([one["ok"] for one in rows])]
    written = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(values, NAMES), written)
    return written.getvalue()


FORMS = {"csv": as_csv, "jsonl": as_lines, "parquet": as_parquet}
MAPPING = "    columns: {" + ", ".join(f"{name}: {name}" for name in NAMES) + "}\n"

WRONG = {
    "a column shifted": "IF NEW.note IS NOT NULL THEN NEW.name := NEW.note; END IF",
    "columns exchanged": "SELECT coalesce(NEW.note, ''), NEW.name INTO NEW.name, NEW.note",
    "a NULL turned into text": "IF NEW.id = 7 THEN NEW.note := 'N'; END IF",
    "a NULL turned into an empty text": "IF NEW.id = 7 THEN NEW.note := ''; END IF",
    "a text turned into NULL": "IF NEW.id = 9 THEN NEW.note := NULL; END IF",
    "a row doubled": "IF NEW.id = 7 AND pg_trigger_depth() = 1 THEN"
    " INSERT INTO public.sample VALUES (NEW.*); END IF",
    "a row instead of another": "IF NEW.id = 8 THEN NEW.id := 7; NEW.name := 'name 7, deep';"
    " NEW.amount := 7.12345; NEW.depth := 49; NEW.at := '2021-02-08 10:07:00+00'; NEW.ok := false; END IF",
    "a value rounded": "IF NEW.id = 7 THEN NEW.amount := round(NEW.amount::numeric, 4); END IF",
    "the last bit of a value": "IF NEW.id = 7 THEN NEW.amount := NEW.amount + 1e-15; END IF",
    "an hour": "IF NEW.id = 7 THEN NEW.at := NEW.at + interval '1 hour'; END IF",
    "values of two rows exchanged": "IF NEW.id IN (7, 8) THEN NEW.depth := 49 + 56 - NEW.depth; END IF",
    "line ends of two rows exchanged": "IF NEW.id IN (9, 12) THEN"
    " NEW.note := format(E'the \"note\"\\n%s', 21 - NEW.id); END IF",
    "a file skipped": f"IF NEW.id > {HALF} THEN RETURN NULL; END IF",
}


CASES = {f"{wrong}, {form}": (wrong, form) for wrong in WRONG for form in FORMS}
QUICK = [*(f"{wrong}, csv" for wrong in WRONG), "a value rounded, jsonl", "a NULL turned into text, parquet"]


@pytest.mark.parametrize("streams", sample([1, 2], 1))
@pytest.mark.parametrize(("wrong", "form"), sample_of(CASES, *QUICK))
def test_what_is_not_as_it_was_sent_is_refused(loaded, wrong, form, streams):
    behind = (
        "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN {WRONG[wrong]}; RETURN NEW; END $$;"
        "CREATE TRIGGER meddle BEFORE INSERT ON sample FOR EACH ROW EXECUTE FUNCTION meddle();"
    )
    with pytest.raises(Refusal, match="table sample: its content is not what was sent"):
        loaded(files(form), streams=streams, columns=COLUMNS, more=MAPPING, behind=behind)


EIGHT = b"\x00\x00\x00\x08"  # the length of a double, before it
ON_THE_WAY = {
    "a column shifted": ("csv", b'"name 4, deep",,', b',"name 4, deep",'),
    "columns exchanged": ("jsonl", b'"name 6, deep","the ""note""', b'"the ""note""","name 6, deep'),
    "a NULL turned into text": ("csv", b'"name 50, deep",,50.12345', b'"name 50, deep",N,0.12345'),
    "a NULL turned into an empty text": ("csv", b'"name 50, deep",,50.1', b'"name 50, deep","",.1'),
    "a row doubled, and another lost": ("csv", b'8,"name 8, deep",,8.12345', b'7,"name 7, deep",,7.12345'),
    "a value rounded": ("jsonl", b"77.12345", b"77.12340"),
    "a letter": ("parquet", b"name 7, deep", b"name 7, Deep"),
    "a number": ("parquet", EIGHT + struct.pack("!d", 7.12345), EIGHT + struct.pack("!d", 7.12344)),
}


@pytest.mark.parametrize("streams", sample([1, 2], 1))
@pytest.mark.parametrize(("form", "before", "after"), sample_of(ON_THE_WAY, *ON_THE_WAY))
def test_what_arrives_otherwise_than_it_was_sent_is_refused(loaded, staging, form, before, after, streams):
    with (
        tampered(staging.dsn(), {before: after}) as dsn,
        pytest.raises(Refusal, match="table sample: its content is not what was sent"),
    ):
        loaded(files(form), streams=streams, columns=COLUMNS.replace(" NOT NULL", ""), more=MAPPING, dsn=dsn)


def test_the_connection_that_changes_rows_leaves_others_as_they_are(loaded, staging):
    with tampered(staging.dsn(), {b"not there": b"notthere!"}) as dsn:
        _, way = loaded(files("csv"), streams=1, columns=COLUMNS, more=MAPPING, dsn=dsn)
    assert way == "quick x 1"


@pytest.mark.parametrize("form", FORMS)
def test_what_is_as_it_was_sent_is_proven_without_a_look_at_each_value(loaded, form):
    rows, way = loaded(files(form), streams=1, columns=COLUMNS, more=MAPPING)
    assert (len(rows), way) == (len(ROWS), "quick x 1")


def files(form):
    write = FORMS[form]
    return {f"a.{form}": write(ROWS[:HALF]), f"b.{form}": write(ROWS[HALF:])}


OTHERWISE = {
    "numbers": ("1,1.50\n", "2,007\n", "amount numeric(9, 1)"),
    "doubles": ("1,1.5\n", "2,1.50\n", "amount double precision"),
    "exponents": ("1,1.5\n", "2,1E5\n", "amount double precision"),
    "truths": ("1,true\n", "2,YES\n", "amount boolean"),
    "times": ("1,2021-02-01T10:00:00Z\n", "2,1 Jan 2021 10:00 EST\n", "amount timestamptz"),
    "quotes": ('1,"a"\n', "2,a\n", "amount text"),
    "no quotes": ("1,a\n", '2,"a"\n', "amount text"),
    "padded": ("1,abcde\n", "2,ab\n", "amount char(5)"),
}


@pytest.mark.parametrize(("first", "later", "column"), OTHERWISE.values(), ids=OTHERWISE)
def test_later_rows_in_another_form_than_the_first_are_no_difference(loaded, first, later, column):
    content = ("id,amount\n" + first * 20_000 + later).encode()  # more than the first block
    rows, way = loaded({"a.csv": content}, streams=1, columns=f"id integer, {column}")
    assert len(rows) == 20_001
    assert way.startswith("quick")
