"""Rows that are sent as the server writes them are summed up as they are; no server is asked."""

from __future__ import annotations

import pytest

from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.load.content_sum import ContentSum
from plugins.module_utils.reingest.load.fast_copy.as_sent import AsSent, summed
from plugins.module_utils.reingest.load.fast_copy.model import Sent
from plugins.module_utils.reingest.load.fast_copy.sent_form import ColumnForm, Dialect, SentForm

NO_SERVER = "postgresql://nobody@127.0.0.1:1/none"
CSV = Dialect(",", '"', "")
NAME, NOTE = ColumnForm("name", "text"), ColumnForm("note", "text")
AT = ColumnForm("at", "timestamp with time zone", zulu=True)
AMOUNT = ColumnForm("amount", "double precision")


def summed_up(*rows):
    """Return the sum of rows, each as COPY writes it."""
    found = ContentSum()
    found.add([row.encode() for row in rows])
    return found


def as_sent(data, *columns, rows=0, dialect=CSV):
    sums = AsSent(SentForm(columns, dialect), NO_SERVER)
    sums.add(data.encode(), rows)
    return sums.content


def test_lines_are_rows():
    assert as_sent("a,b\nc,\n", NAME, NOTE) == summed_up("a,b\n", "c,\n")


def test_another_order_is_the_same_and_another_row_is_not():
    assert as_sent("c,\na,b\n", NAME, NOTE) == summed_up("a,b\n", "c,\n")
    assert as_sent("a,b\na,b\n", NAME, NOTE) != summed_up("a,b\n")
    assert as_sent("a,c\nb,\n", NAME, NOTE) != summed_up("a,b\n", "c,\n")


@pytest.mark.parametrize("rows", [0, 3])
def test_a_row_may_have_several_lines(rows):
    data = 'a,"x\ny"\nb,c\n"p\n\nq",""""\n'
    assert as_sent(data, NAME, NOTE, rows=rows) == summed_up('a,"x\ny"\n', "b,c\n", '"p\n\nq",""""\n')


def test_lines_of_two_rows_that_are_exchanged_make_another_sum():
    assert as_sent('a,"x\nw"\nb,"z\ny"\n', NAME, NOTE) != summed_up('a,"x\ny"\n', 'b,"z\nw"\n')


def test_line_ends_of_windows_are_those_of_the_server():
    assert as_sent('a,b\r\n"c,d",e\r\n', NAME, NOTE) == summed_up("a,b\n", '"c,d",e\n')


def test_times_of_iso_8601_are_written_as_the_server_does():
    data = "a,2021-02-01T10:00:59Z\nT1Z,\nb,2021-02-02T23:59:59Z\n"
    rows = ("a,2021-02-01 10:00:59+00\n", "T1Z,\n", "b,2021-02-02 23:59:59+00\n")
    assert as_sent(data, NAME, AT) == summed_up(*rows)
    assert as_sent("2021-02-01T10:00:59Z,a\n", AT, NAME) == summed_up("2021-02-01 10:00:59+00,a\n")


def test_times_in_quotes_keep_them():
    quoted = [ColumnForm("name", "text", quoted=True), ColumnForm(AT.name, AT.type, zulu=True, quoted=True)]
    data = '"a","2021-02-01T10:00:59Z"\n"x ""T10:00:00Z""",null\n'
    rows = ('"a","2021-02-01 10:00:59+00"\n', '"x ""T10:00:00Z""",null\n')
    assert as_sent(data, *quoted, dialect=Dialect(",", '"', "null", quoted_null=False)) == summed_up(*rows)


@pytest.mark.parametrize(
    ("data", "columns"),
    [
        ('a,"b"\n', (NAME, NOTE)),
        ('"a",b\n', (NAME, NOTE)),
        ('x,y\n"a","b,c"\n', (NAME, NOTE)),
        ('a,"b"\r\n', (NAME, NOTE)),
        ('a,"b\rc"\n', (NAME, NOTE)),
        ("a,1.0\n", (NAME, AMOUNT)),
        ("-12.0,a\n", (AMOUNT, NOTE)),
        ("a,b\n", (NAME, ColumnForm("note", "integer", changed=True))),
    ],
)
def test_what_the_server_writes_in_another_way_is_asked_of_it(data, columns):
    with pytest.raises(Refusal, match="no PostgreSQL answers"):
        as_sent(data, *columns)


def test_doubled_quotes_and_quotes_that_are_needed_are_as_the_server_has_them():
    rows = ('a,"b, c"\n', 'b,"the ""b"", c"\n', 'c,"the ""b"""\n', 'd,"""b"""\n')
    assert as_sent("".join(rows), NAME, NOTE) == summed_up(*rows)


def test_every_value_may_stand_in_quotes():
    quoted = [ColumnForm("name", "text", quoted=True), ColumnForm("note", "text", quoted=True)]
    assert as_sent('"a","b"\n"c",""\n', *quoted) == summed_up('"a","b"\n', '"c",""\n')


def test_what_is_sent_goes_on_as_it_is_and_nothing_is_summed_up_unless_asked():
    sent = [Sent(b"a,b\n", 1), Sent(b"", 0), Sent(b"c,d\n", 1)]
    assert list(summed(None, sent)) == sent
    sums = AsSent(SentForm((NAME, NOTE), CSV), NO_SERVER)
    assert list(summed(sums, sent)) == sent
    assert sums.content == summed_up("a,b\n", "c,d\n")
