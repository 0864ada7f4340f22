"""Bad rows set aside: every kind, by its place, on the oldest and the newest server that the tests have."""

from __future__ import annotations

import json

import pytest
from clusters import MAJORS
from integration.ingest.portal_dataset import AUTHORS, BOOKS
from tiers import sample, sample_of

EMMA, NOTES = BOOKS


@pytest.fixture(scope="session", params=sample(MAJORS, MAJORS[-1]))
def staging(server_factory, request):
    return server_factory(request.param)


@pytest.fixture
def quarantine(portal, load, tmp_path):
    """Load with bad rows set aside; returns the result and the rejects of one table."""
    portal.change("tables:\n", "on_reject: quarantine\nmax_rejects: 50%\ntables:\n")

    def run(table="book", **params):
        result = load(work=str(tmp_path / "work"), **params)
        path = tmp_path / "work/run-1/rejects" / f"{table}.jsonl"
        rejects = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return result, rejects

    return run


def lines(*records):
    return "".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in records)


def book(number, **changed):
    return {**NOTES, "id": number, "title": f"Book {number}", **changed}


BAD = {
    "does not parse": ('{"id": ', None, "not JSON"),
    "no object": ("[1]", None, "not a JSON object"),
    "type": (book(11, pages="many"), "pages", 'invalid input syntax for type integer: "many"'),
    "range": (book(11, pages=3_000_000_000), "pages", "out of range for type integer"),
    "null": (book(11, title=None), "title", "null value in column"),
    "check": (book(11, pages=-1), "pages", "violates check constraint"),
    "structure": (book(11, title={"en": "x"}), "title", "an object, and the column takes one value"),
    "surrogate": (book(11, title="a\ud800"), "title", "half of a surrogate pair"),
    "NUL": (book(11, title="a\0b"), "title", "a NUL character"),
    "NUL in jsonb": (book(11, summary="a\0b"), "rest", "unsupported Unicode escape sequence"),
    "key twice, other contents": (book(9), None, "Key (id)=(9) already exists"),
    "key twice, same contents": (NOTES, None, "Key (id)=(9) already exists"),
    "unique": (book(11, title="Emma"), None, "Key (title)=(Emma) already exists"),
}


@pytest.mark.parametrize(
    ("bad", "column", "reason"),
    sample_of(BAD, "does not parse", "type", "structure", "NUL", "key twice, other contents"),
)
def test_a_bad_row_is_set_aside_with_its_place_and_the_good_ones_are_loaded(
    portal, quarantine, staging, bad, column, reason
):
    portal.book_lines(lines(EMMA, NOTES, bad, book(12), book(13)))
    result, rejects = quarantine()
    assert result["changed"], result.get("msg")
    assert [(one["file"], one["line"], one["column"]) for one in rejects] == [
        (str(portal.sources / "book.jsonl.gz"), 3, column)
    ]
    assert reason in rejects[0]["reason"]
    assert staging.rows("SELECT id FROM book ORDER BY 1", "library") == [(7,), (9,), (12,), (13,)]
    counts = {"read": 5, "loaded": 4, "duplicates": 0, "orphans": 0, "rejected": 1, "filtered": 0}
    assert result["tables"]["book"] == {"owner": "source", **counts}
    assert staging.rows("SELECT read, rejected FROM reingest.load_table WHERE name = 'book'", "library") == [
        (5, 1)
    ]


def test_a_line_with_the_wrong_number_of_fields_is_set_aside(portal, quarantine):
    portal.authors(AUTHORS + "a3,Mary\na4,Emily,,\n")
    result, rejects = quarantine("author")
    assert [one["line"] for one in rejects] == [4]
    assert "2 fields" in rejects[0]["reason"]
    assert result["tables"]["author"]["loaded"] == 3


def test_the_value_and_the_reason_are_those_of_the_row(portal, quarantine):
    portal.book_lines(lines(EMMA, NOTES, book(11, pages="many")))
    (one,) = quarantine()[1]
    assert one["value"] == "many"


def test_keys_and_indexes_are_all_back_after_bad_rows(portal, quarantine, staging):
    query = "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'book'::regclass ORDER BY 1"
    quarantine()
    before = staging.rows(query, "library")
    portal.book_lines(lines(EMMA, NOTES, NOTES))
    quarantine()
    assert len(before) == 5
    assert staging.rows(query, "library") == before


def test_declared_repetitions_are_duplicates_and_other_rows_of_the_key_are_rejects(portal, quarantine):
    portal.change("    from: book.jsonl.gz", "    from: book.jsonl.gz\n    duplicates: drop")
    portal.book_lines(lines(EMMA, NOTES, NOTES, book(9), book(12)))
    result, rejects = quarantine()
    assert [one["line"] for one in rejects] == [4]
    counts = {"read": 5, "loaded": 3, "duplicates": 1, "orphans": 0, "rejected": 1, "filtered": 0}
    assert result["tables"]["book"] == {"owner": "source", **counts}


def test_dangling_references_are_set_aside_with_their_places(portal, quarantine, staging):
    portal.change("    from: book.jsonl.gz", "    from: book.jsonl.gz\n    orphans: quarantine")
    stray = book(12, author={"id": "a9"}, pages="66", rest={"z": 1.50, "a": "\b\t"})
    portal.book_lines(lines(EMMA, NOTES, stray, book(13, pages="x"), book(14)))
    result, rejects = quarantine()
    assert result["changed"], result.get("msg")
    assert [(one["line"], one["column"], one["value"]) for one in rejects] == [
        (4, "pages", "x"),
        (3, "author_id", "a9"),
    ]
    assert rejects[1]["reason"] == "names a row of author that does not exist"
    assert result["tables"]["book"]["rejected"] == 2
    assert staging.rows("SELECT id FROM book ORDER BY 1", "library") == [(7,), (9,), (14,)]


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        ("max_rejects: 1\n", "at least 2 rows are rejected, and max_rejects is 1; they are in "),
        ("max_rejects: 10%\n", "2 of 5 rows are rejected, and max_rejects is 10%; they are in "),
    ],
)
def test_more_than_the_budget_fails_and_says_where_they_lie(
    portal, quarantine, staging, tmp_path, budget, expected
):
    portal.change("    from: book.jsonl.gz", f"    from: book.jsonl.gz\n    {budget.strip()}")
    portal.book_lines(lines(EMMA, NOTES, book(11, pages="a"), book(12, pages="b"), book(13)))
    result, rejects = quarantine()
    assert f"table book: {expected}{tmp_path}/work/run-1/rejects/book.jsonl" in result["msg"]
    assert "book.jsonl.gz:3: table book, column pages: 'a'" in result["msg"]
    assert len(rejects) == 2
    assert staging.rows("SELECT finished FROM reingest.load", "library") == [(None,)]


def test_the_budget_of_the_whole_holds_for_all_tables_together(portal, quarantine):
    portal.change("max_rejects: 50%", "max_rejects: 2")
    portal.book_lines(lines(EMMA, NOTES, book(11, pages="a"), book(12, pages="b")))
    portal.authors(AUTHORS + "a3\n")
    assert (
        "3 of 7 rows are rejected, and the dataset's max_rejects is 2; they are in" in quarantine()[0]["msg"]
    )


def test_check_mode_writes_no_rejects_and_counts_what_it_can_know(portal, quarantine):
    portal.book_lines(lines(EMMA, NOTES, "{", book(12)))
    result, rejects = quarantine(check=True)
    assert result["tables"]["book"]["read"] == 4
    assert rejects == []


def test_rows_cannot_be_set_aside_without_a_place_for_them(portal, refusal, staging):
    portal.change("tables:\n", "on_reject: quarantine\nmax_rejects: 50%\ntables:\n")
    assert "the dataset sets bad rows aside, and there is no folder for them" in refusal()
    assert not staging.rows("SELECT 1 FROM pg_database WHERE datname = 'library'")


def test_many_bad_rows_of_every_kind_are_all_found(portal, quarantine, staging):
    bad = {
        number: [
            book(number, pages="many"),
            book(number, title=None),
            "{",
            book(number, title="x\0"),
            book(1),
        ][number % 5]
        for number in range(50, 20_000, 97)
    }
    records = [bad.get(number, book(number)) for number in range(1, 20_001)]
    portal.change('"*"}', '"*"}\n    max_rejects: 2%')
    portal.authors("id,name,born,favourite\na1,Ada,,\n")
    portal.book_lines(lines(*records))
    result, rejects = quarantine()
    assert result["changed"], result.get("msg")
    assert sorted(one["line"] for one in rejects) == sorted(bad)
    assert staging.rows("SELECT count(*) FROM book", "library") == [(20_000 - len(bad),)]


def test_a_second_attempt_of_a_run_leaves_only_its_own_rejects(portal, quarantine):
    portal.book_lines(lines(EMMA, NOTES, "{"))
    assert len(quarantine()[1]) == 1
    portal.book_lines(lines(EMMA, NOTES))
    result, rejects = quarantine()
    assert (result["rejects"], rejects) == ("", [])


def test_a_table_that_is_hopelessly_over_a_percentage_is_not_read_to_its_end(portal, quarantine):
    portal.authors("id,name,born,favourite\n" + "a\n" * 400_000)
    result, rejects = quarantine("author")
    assert "at least 100001 of the first 100001 rows are rejected, and max_rejects is 50%" in result["msg"]
    assert len(rejects) == 100_001
