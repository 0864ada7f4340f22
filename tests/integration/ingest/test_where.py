"""One file with several kinds of records: each table takes its own, and every record is accounted for."""

from __future__ import annotations

import pyarrow as arrow
import pyarrow.parquet
import pytest
from integration.ingest.portal_dataset import BOOKS, SCHEMA

EMMA, NOTES = BOOKS
KINDS = [{**EMMA, "type": "book"}, {"type": "author", "name": "Jane"}, {**NOTES, "type": "book"}]


@pytest.fixture
def kinds(portal):
    """Write a file of books and others, of which the table takes the books."""
    portal.change("    from: book.jsonl.gz", "    from: book.jsonl.gz\n    where: {type: [book, booklet]}")
    portal.books(KINDS)
    return portal


def test_what_is_not_the_tables_is_counted_as_filtered(kinds, load, staging):
    result = load()
    assert result.get("changed"), result.get("msg")
    counts = {"read": 3, "loaded": 2, "duplicates": 0, "orphans": 0, "rejected": 0, "filtered": 1}
    assert result["tables"]["book"] == {"owner": "source", **counts}
    query = "SELECT read, filtered FROM reingest.load_table WHERE name = 'book'"
    assert staging.rows(query, "library") == [(3, 1)]
    assert load()["tables"] == result["tables"]


def test_check_mode_counts_what_it_filters(kinds, load):
    book = load(check=True)["tables"]["book"]
    assert (book["read"], book["filtered"], book["loaded"]) == (3, 1, None)


def test_fields_are_filtered_by_their_text(portal, load, staging):
    where = "where: {name: [Ada, Mary], favourite: Emma}"
    portal.change("    from: author.csv", f"    from: author.csv\n    {where}")
    portal.authors("id,name,born,favourite\na1,Ada,,Emma\na2,Mary,,\na3,Jane,,Emma\n")
    portal.books([{**EMMA, "author": {"id": "a1"}}])
    result = load()
    assert result.get("changed"), result.get("msg")
    assert (result["tables"]["author"]["read"], result["tables"]["author"]["filtered"]) == (3, 2)
    assert staging.rows("SELECT id FROM author", "library") == [("a1",)]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("type: [", "typ: [", "table book, where typ: the path typ occurs in no record"),
        ("title: title", "title: name", "table book, column title: the path name occurs in no record"),
        (
            "    from: author.csv",
            "    from: author.csv\n    where: {type: a}",
            "no field type; the fields there are id, name, born, favourite",
        ),
    ],
)
def test_a_path_that_no_record_has_is_refused(kinds, refusal, old, new, message):
    kinds.change(old, new)
    assert message in refusal()


@pytest.mark.parametrize(("budget", "told"), [("20%", None), ("10%", "1 of 6 rows are rejected")])
def test_bad_rows_are_a_share_of_the_tables_own_rows(kinds, load, tmp_path, budget, told):
    kinds.change("    where:", f"    on_reject: quarantine\n    max_rejects: {budget}\n    where:")
    own = [{**NOTES, "type": "book", "id": number, "title": f"Book {number}"} for number in range(11, 15)]
    kinds.books([*[{"type": "author"}] * 97, *KINDS, *own[:3], {**own[3], "pages": "many"}])
    result = load(work=str(tmp_path / "work"))
    if told:
        assert told in result["msg"]
    else:
        assert result.get("changed"), result.get("msg")
        counts = {"read": 104, "loaded": 5, "duplicates": 0, "orphans": 0, "rejected": 1, "filtered": 98}
        assert result["tables"]["book"] == {"owner": "source", **counts}


def test_elements_of_an_array_are_filtered(portal, load, staging):
    portal.schema(SCHEMA + "CREATE TABLE tag (book bigint, name text);")
    portal.change(
        "  loan:",
        "  tag:\n    owner: source\n    from: book.jsonl.gz\n    each: parts\n"
        "    where: {.kind: tag, kind: a}\n    columns: {book: id, name: .name}\n  loan:",
    )
    tags = [{"kind": "tag", "name": "x"}, {"kind": "note"}, {"kind": "tag", "name": "y"}]
    portal.books([{**EMMA, "kind": "a", "parts": tags}, {**NOTES, "kind": "b", "parts": tags}])
    result = load()
    assert result.get("changed"), result.get("msg")
    counts = {"read": 6, "loaded": 2, "duplicates": 0, "orphans": 0, "rejected": 0, "filtered": 4}
    assert result["tables"]["tag"] == {"owner": "source", **counts}
    assert staging.rows("SELECT book, name FROM tag ORDER BY 2", "library") == [(7, "x"), (7, "y")]


def test_nested_paths_of_parquet_are_taken_and_filtered_by(portal, load, staging):
    plain = {"author": {"id": "a2"}, "pages": 1, "tags": ["a"]}
    rows = [{**plain, "id": n, "title": str(n), "kind": {"of": kind}} for n, kind in ((1, "book"), (2, "cd"))]
    arrow.parquet.write_table(arrow.Table.from_pylist(rows), portal.sources / "book.parquet")
    portal.authors("id,name,born,favourite\na2,Jane,,\n")
    portal.change("    from: book.jsonl.gz", "    from: book.parquet\n    where: {kind.of: book}")
    result = load()
    assert result.get("changed"), result.get("msg")
    assert staging.rows("SELECT id, author_id FROM book", "library") == [(1, "a2")]
