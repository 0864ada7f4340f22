"""A whole load on every major of PostgreSQL that a portal may have; bad rows on each are in test_rejects."""

from __future__ import annotations

import pytest
from clusters import MAJORS
from integration.ingest.portal_dataset import BOOKS, SCHEMA
from integration.ingest.test_ingest_load import CATALOG, DEMO, R1


@pytest.fixture(scope="session", params=MAJORS)
def staging(server_factory, request):
    return server_factory(request.param)


def test_a_real_release_is_loaded(run_module, staging):
    result = run_module("ingest_load", **DEMO, sources=R1, staging_dsn=staging.dsn(), first=True)
    assert result["changed"], result.get("msg")
    loaded = {name: table["loaded"] for name, table in result["tables"].items()}
    assert (loaded["biosample"], loaded["data_object"]) == (964, 10870)
    assert result["tables"]["omics_input"]["orphans"] == 1


def test_values_keys_references_and_indexes_are_as_the_sources_and_the_schema_have_them(
    load, portal, staging
):
    portal.change(
        "    from: book.jsonl.gz", "    from: book.jsonl.gz\n    duplicates: drop\n    orphans: drop"
    )
    portal.books([*BOOKS, BOOKS[0], {**BOOKS[0], "id": 8, "title": "X", "author": {"id": "a9"}}])
    result = load()
    assert result.get("changed"), result.get("msg")
    counts = {"read": 4, "loaded": 2, "duplicates": 1, "orphans": 1, "rejected": 0}
    assert counts.items() <= result["tables"]["book"].items()
    assert staging.rows("SELECT id, title, tags, rest FROM book ORDER BY id", "library") == [
        (7, "Emma", ["novel", 'a "quote"', None], {"author": BOOKS[0]["author"]}),
        (9, "Notes\ton\\the\nEngine", [], {"author": {"id": "a1"}, "extra": {"a": [1.5]}}),
    ]
    staging.rows("DROP DATABASE IF EXISTS plain")
    staging.rows("CREATE DATABASE plain TEMPLATE template0")
    staging.rows(SCHEMA, "plain")
    assert staging.rows(CATALOG, "library") == staging.rows(CATALOG, "plain")
