"""Numbers and dates in another form than PostgreSQL reads: read by the letter, or not at all."""

from __future__ import annotations

import pytest

from plugins.module_utils.reingest.dataset.column_form import ColumnForm, UnwrittenError
from plugins.module_utils.reingest.dataset.parse import parse_dataset
from plugins.module_utils.reingest.errors import Refusal


@pytest.mark.parametrize(
    ("form", "text", "read"),
    [
        (ColumnForm(decimal=","), "1,5", "1.5"),
        (ColumnForm(decimal=","), "-0,25e3", "-0.25e3"),
        (ColumnForm(decimal=",", thousands="."), "1.234.567,8", "1234567.8"),
        (ColumnForm(decimal=",", thousands="."), "1234,5", "1234.5"),
        (ColumnForm(thousands=","), "1,234.5", "1234.5"),
        (ColumnForm(thousands=" "), "12 345", "12345"),
        (ColumnForm(thousands="'"), "+1'000", "+1000"),
        (ColumnForm(format="DD-MON-YY"), "04-MAR-21", "2021-03-04"),
        (ColumnForm(format="DD-MON-YY"), "4-mar-70", "1970-03-04"),
        (ColumnForm(format="DD.MM.YYYY"), "4.3.2021", "2021-03-04"),
        (ColumnForm(format="YYYYMMDD"), "20210304", "2021-03-04"),
        (ColumnForm(format="MONTH DD, YYYY"), "March 4, 2021", "2021-03-04"),
        (ColumnForm(format="DD/MM/YYYY HH24:MI"), "04/03/2021 7:05", "2021-03-04 07:05:00"),
        (
            ColumnForm(format='YYYY-MM-DD"T"HH24:MI:SS.US'),
            "2021-03-04T07:05:06.5",
            "2021-03-04 07:05:06.500000",
        ),
        (ColumnForm(format="MM/DD/YYYY HH12:MI AM"), "03/04/2021 12:05 am", "2021-03-04 00:05:00"),
        (ColumnForm(format="MM/DD/YYYY HH12:MI AM"), "03/04/2021 1:05 PM", "2021-03-04 13:05:00"),
    ],
)
def test_a_value_in_its_form_is_read(form, text, read):
    assert form.reader()(text) == read


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (ColumnForm(decimal=","), "1.5"),
        (ColumnForm(decimal=","), "x"),
        (ColumnForm(decimal=",", thousands="."), "1.2,3"),
        (ColumnForm(decimal=",", thousands="."), "12.3456"),
        (ColumnForm(decimal=","), "\u0661"),
        (ColumnForm(format="DD-MON-YY"), "2021-03-04"),
        (ColumnForm(format="DD-MON-YY"), "31-FEB-21"),
        (ColumnForm(format="DD-MON-YY"), "04-MAR-2021"),
        (ColumnForm(format="YYYYMMDD"), "2021034"),
        (ColumnForm(format="MM/DD/YYYY HH12:MI AM"), "03/04/2021 13:05 PM"),
        (ColumnForm(format="DD/MM/YYYY HH24:MI"), "04/03/2021 24:05"),
    ],
)
def test_a_value_in_another_form_is_none(form, text):
    with pytest.raises(UnwrittenError):
        form.reader()(text)


@pytest.mark.parametrize("value", [None, 5, 1.5, True])
def test_what_is_no_text_stays(value):
    assert ColumnForm(decimal=",").reader()(value) is value


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ("decimal: ',', format: DD.MM.YYYY", "a value is a number, or a date or time"),
        ("decimal: ',,'", "must be one character, and no letter, digit or sign"),
        ("thousands: '1'", "must be one character, and no letter, digit or sign"),
        ("thousands: '.'", "is the decimal mark, too"),
        ("format: DD.MM", "must name year, month and day"),
        ("format: DD.MM.YYYY.DD", "names a part of the date twice"),
        ("format: DD.MM.YY.YYYY", "names a part of the date twice"),
        ("format: 'DD.MM.YYYY HH12'", "must have AM with HH12"),
        ("format: '%d.%m.%Y'", "patterns are MONTH, YYYY"),
        ("format: ''", "it is empty: patterns are"),
        ("formt: DD.MM.YYYY", "did you mean format?"),
    ],
)
def test_a_form_that_is_none_is_refused(tmp_path, declared, message):
    (tmp_path / "dataset.yml").write_text(
        "database: portal\nschema: s.sql\ntables:\n"
        f"  t: {{owner: source, from: t.csv, columns: {{a: {{path: a, {declared}}}}}}}\n"
    )
    with pytest.raises(Refusal) as caught:
        parse_dataset(tmp_path / "dataset.yml")
    assert "tables.t.columns.a" in str(caught.value)
    assert message in str(caught.value)
