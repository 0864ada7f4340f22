from __future__ import annotations

import pytest
from portal.shown import Page, facts, grouped, size


@pytest.mark.parametrize(
    ("wanted", "number"),
    [
        (None, 1),
        ("1", 1),
        ("3", 3),
        (" 2 ", 2),
        ("4", 3),
        ("0", 1),
        ("-1", 1),
        ("1e3", 1),
        ("²", 1),
        ("9" * 30, 1),
        ("", 1),
    ],
)
def test_a_page_number_that_does_not_exist_becomes_one_that_does(wanted, number):
    assert Page.wanted(wanted, 10, 25).number == number


def test_a_page_knows_the_rows_it_shows():
    page = Page.wanted("3", 10, 25)

    assert (page.offset, page.first_row, page.last_row, page.last) == (20, 21, 25, 3)


def test_an_empty_list_has_one_page_without_rows():
    page = Page.wanted("7", 10, 0)

    assert (page.number, page.last, page.offset, page.first_row, page.last_row) == (1, 1, 0, 0, 0)


def test_thousands_are_set_apart():
    assert [grouped(number) for number in (0, 999, 33156)] == ["0", "999", "33,156"]


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (999_499, "999 kB"),
        (999_500, "1 MB"),
        (11_889_256_007, "11.9 GB"),
        (5 * 10**18, "5e+03 PB"),
    ],
)
def test_sizes_are_shown_in_the_unit_a_person_reads(count, shown):
    assert size(count) == shown


def test_annotations_are_flattened_to_labelled_text_in_order():
    annotations = {
        "uriorcurie": "nmdc:Study",
        "type": "nmdc:Study",
        "specific_ecosystem": {"has_raw_value": "Leaf", "uriorcurie": "nmdc:AttributeValue"},
        "ecosystem_type": {"has_raw_value": "Rhizosphere"},
        "keywords": ["soil", "root", {"nested": True}],
        "empty": {"has_raw_value": ""},
        "unknown": {"uriorcurie": "nmdc:AttributeValue"},
        "depth": 0,
    }

    assert facts(annotations) == [
        ("Depth", "0"),
        ("Ecosystem type", "Rhizosphere"),
        ("Keywords", "soil, root"),
        ("Specific ecosystem", "Leaf"),
    ]
