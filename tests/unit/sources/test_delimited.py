import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.sources.bad import Bad
from plugins.module_utils.reingest.sources.delimited import read_delimited, read_header, seam_in
from plugins.module_utils.reingest.sources.reading import Dialect, Reading

CSV = Reading("csv")
SPECTRUM = Path(__file__).parents[2] / "data" / "csv_spectrum"


def test_fields_go_by_name_and_records_may_run_over_lines(source):
    path = source('id,text\r\n1,"a, ""b""\r\nc"\r\n\r\n2,\r\n')
    assert read_header(path, CSV) == ("id", "text")
    assert list(read_delimited(path, CSV)) == [
        (2, {"id": "1", "text": 'a, "b"\r\nc'}),
        (5, {"id": "2", "text": None}),
    ]


def test_the_dialect_decides(source):
    path = source('id\ttext\n1\t"\n2\t\\N\n3\t\n')
    records = [
        record["text"] for _, record in read_delimited(path, Reading("csv", dialect=Dialect("\t", "", "\\N")))
    ]
    assert records == ['"', None, ""]


def test_a_field_may_be_longer_than_the_csv_module_thinks(source):
    long = "x" * 200_000
    assert list(read_delimited(source(f"a\n{long}\n"), CSV)) == [(2, {"a": long})]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty: its first line must name the fields"),
        ("a,a\n", ":1: the field name 'a' is there twice"),
        ("a,\n", ":1: the field name '' is empty"),
        ('a,b\n1,"2\n3,4\n', ":2: unexpected end of data"),
    ],
)
def test_a_line_that_does_not_fit_is_refused_by_its_number(source, content, message):
    with pytest.raises(Refusal) as caught:
        list(read_delimited(source(content), CSV))
    assert message in str(caught.value)


def test_another_number_of_fields_is_told_by_its_line_and_reading_goes_on(source):
    _, (number, bad), last = read_delimited(source("a,b\n1,2\n3\n4,5\n"), CSV)
    assert (number, bad.text, last) == (3, "3", (4, {"a": "4", "b": "5"}))
    assert "1 fields where the header has 2" in bad.reason


@pytest.mark.parametrize("path", sorted((SPECTRUM / "csvs").glob("*.csv")), ids=lambda path: path.stem)
def test_the_csv_spectrum_gives_its_answers(path):
    answers = json.loads((SPECTRUM / "json" / f"{path.stem}.json").read_text())
    if path.stem == "location_coordinates":  # its answer is one object, with another telephone number
        answers = [{**answers, "Contact Phone Number": "2095257564"}]
    records = [record for _, record in read_delimited(path, Reading("csv", dialect=Dialect(null="\0")))]
    assert records == answers


def test_fields_may_be_ended_by_cr_and_quotes_escaped(source):
    path = source('# made by\r# hand\rid;text\r(units);\r1;"a\\"b\r;c"\r2;d\\;e\r')
    dialect = Dialect(";", '"', "", escape="\\", header=2, skip=2)
    assert list(read_delimited(path, Reading("csv", dialect=dialect))) == [
        (5, {"id": "1", "text": 'a"b\r;c'}),
        (7, {"id": "2", "text": "d;e"}),
    ]


@pytest.mark.parametrize(
    ("names", "fields"), [((), {"1": "a", "2": "b"}), (("x", "y"), {"x": "a", "y": "b"})]
)
def test_a_file_without_header_has_the_names_of_the_dataset_or_numbers(source, names, fields):
    reading = Reading("csv", dialect=Dialect(header=0, names=names))
    path = source("a,b\n")
    assert read_header(path, reading) == tuple(fields)
    assert list(read_delimited(path, reading)) == [(1, fields)]


@pytest.mark.parametrize(
    ("content", "reason", "text"),
    [
        (b'1,"2"x', "',' expected after '\"'", '1,"2"x'),
        (b'"1\n2"x,3', "(lines 2 to 3)", '"1\n2"x,3'),
        (b"1,\xff", "not UTF-8 at byte 3", "1,\\xff"),
        (b'"1\n\xff",2', "not UTF-8 at byte 1", '\\xff",2'),
        (b"1,\0", "a NUL byte", "1,\0"),
        (b"1," + b"x" * 5000, "longer than 1000 bytes", "1,xxx"),
        (b"1,2,3", "3 fields where the header has 2", "1,2,3"),
    ],
)
@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_a_broken_record_is_told_by_its_line_and_reading_goes_on(source, content, reason, text, end):
    path = source(b"a,b\n" + content.replace(b"\n", end) + end + b"8,9" + end)
    (number, bad), (_, last) = read_delimited(path, Reading("csv", longest=1000))
    assert number == 2
    assert reason in bad.reason
    assert bad.text.replace("\r\n", "\n").replace("\r", "\n").startswith(text)
    assert last == {"a": "8", "b": "9"}


def test_a_quote_that_is_never_closed_ends_the_reading_within_the_limit(source):
    path = source('a,b\n1,"2\n' + "3,4\n" * 1000)
    with pytest.raises(Refusal, match=r":2: the record is longer than 1000 bytes: a quote is not closed"):
        list(read_delimited(path, Reading("csv", longest=1000)))


def test_half_a_surrogate_pair_in_utf16_is_told_by_its_line(source):
    path = source("a\n\ud800\nb\n".encode("utf-16", "surrogatepass"))
    (number, bad), last = read_delimited(path, Reading("csv", encoding="utf-16"))
    assert (number, last) == (2, (3, {"a": "b"}))
    assert "not utf-16" in bad.reason


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@given(
    rows=st.integers(1, 5).flatmap(
        lambda width: st.lists(st.lists(TEXT, min_size=width, max_size=width), max_size=12)
    ),
    delimiter=st.sampled_from(",;\t|"),
    # The writer quotes only the line end that it is told: with another one in the text it needs QUOTE_ALL.
    written=st.sampled_from(
        [
            ("\n", csv.QUOTE_ALL),
            ("\r", csv.QUOTE_ALL),
            ("\r\n", csv.QUOTE_ALL),
            ("\r\n", csv.QUOTE_MINIMAL),
        ]
    ),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32-le"]),
)
def test_every_record_written_comes_back_equal(folder, rows, delimiter, written, encoding):
    names = [f"f{at}" for at in range(len(rows[0]))] if rows else ["a"]
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=written[0], quoting=written[1])
    writer.writerows([names, *rows])
    path = folder / "written.csv"
    path.write_bytes(text.getvalue().encode(encoding))
    reading = Reading("csv", encoding=encoding, dialect=Dialect(delimiter, null="\0"))
    records = [record for _, record in read_delimited(path, reading)]
    assert records == [dict(zip(names, row)) for row in rows]


@given(
    lines=st.lists(
        st.binary(max_size=20).filter(lambda line: not set(line) & set(b'"\n\r') and line.strip()),
        max_size=20,
    )
)
def test_of_any_bytes_each_line_is_a_record_or_is_told(folder, lines):
    path = folder / "any.csv"
    path.write_bytes(b"\n".join([b"a,b", *lines]))
    found = list(read_delimited(path, CSV))
    assert [number for number, _ in found] == list(range(2, len(lines) + 2))
    for line, (_, record) in zip(lines, found):
        good = line.count(b",") == 1 and b"\0" not in line and valid(line)
        if good:
            assert list(record.values()) == [field or None for field in line.decode().split(",")]
        else:
            assert isinstance(record, Bad)


def valid(line):
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


MYSQL = Reading("csv", dialect=Dialect(escape="\\", null="\\N", names=("id", "b", "c")))


def test_null_is_looked_for_before_escapes_are_resolved(source):
    path = source(
        '1,\\N,"it\\\'s"\n2,"\\N",x\n3,\\\\N,\\Nx\n4,a\\\nb,"x\\"\\N"\n5,N,\\\\\\N\n6,\\N\\N,\\,\\N\n'
    )
    expected = [
        ("1", None, "it's"),
        ("2", None, "x"),
        ("3", "\\N", "Nx"),
        ("4", "a\nb", 'x"N'),
        ("5", "N", "\\N"),
        ("6", "NN", ",N"),
    ]
    assert [tuple(record.values()) for _, record in read_delimited(path, MYSQL)] == expected


def test_an_escaped_text_that_says_null_is_a_text(source):
    reading = Reading("csv", dialect=Dialect(escape="\\", null="NULL"))
    path = source("id,NULL\n1,NULL\n2,\\NULL\n3,NULLNULL\nNULL\n")
    *records, (number, told) = read_delimited(path, reading)
    assert [record for _, record in records] == [
        {"id": "1", "NULL": None},
        {"id": "2", "NULL": "NULL"},
        {"id": "3", "NULL": "NULLNULL"},
    ]
    assert (number, told.text) == (5, "NULL")


TOGETHER = (
    '\ufeffid,label\r\nt1,one\r\n\ufeffid,label\r\nt2,two\r\nid,"label"\r\n\ufeff"t3",x\r\n"a\n\ufeffb",y\r\n'
)


def test_a_header_or_a_byte_order_mark_in_the_middle_is_told_by_its_line(source):
    records = dict(read_delimited(source(TOGETHER), CSV))
    assert {at: one.reason for at, one in records.items() if isinstance(one, Bad)} == {
        3: "the header again: files that were put together; list them in `from:`, or declare "
        "`repeated_header: skip`, or `load` where it is a row",
        5: "the header again: files that were put together; list them in `from:`, or declare "
        "`repeated_header: skip`, or `load` where it is a row",
        6: "a byte order mark in the middle of the text: files that were put together; list them in `from:`",
    }
    good = [one for one in records.values() if not isinstance(one, Bad)]
    assert good == [
        {"id": "t1", "label": "one"},
        {"id": "t2", "label": "two"},
        {"id": "a\n\ufeffb", "label": "y"},
    ]


@pytest.mark.parametrize(
    ("repeated", "lines"), [("skip", [2, 4]), ("load", [2, 3, 4]), ("reject", [2, 3, 4])]
)
def test_what_becomes_of_a_second_header_is_declared(source, repeated, lines):
    reading = Reading("csv", dialect=Dialect(repeated=repeated))
    records = dict(read_delimited(source("a,b\nx,y\na,b\nz,w\n"), reading))
    assert list(records) == lines
    assert isinstance(records.get(3), Bad) == (repeated == "reject")


def test_all_lines_of_a_header_are_one(source):
    reading = Reading("csv", dialect=Dialect(header=2))
    records = dict(read_delimited(source("a,b\nm,s\n1,2\na,b\nm,s\n3,4\nm,s\n"), reading))
    assert [isinstance(one, Bad) for one in records.values()] == [False, True, True, False, False]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"x,y\nid,label\n", True),
        (b'x,y\n"id",label\n', True),
        (b"id,label\n", True),
        (b"x,y\n\xef\xbb\xbfz,w\n", True),
        (b"\xef\xbb\xbfz,w\n", True),
        (b"x,id,label\nidx,id\n", False),
    ],
)
def test_blocks_with_a_seam_are_known(content, found):
    assert seam_in(("id", "label"), Dialect())(content) == found
