"""A whole load on every major of PostgreSQL that a portal may have; bad rows on each are in test_rejects."""

from __future__ import annotations

from contextlib import closing

import pytest
from clusters import MAJORS
from integration.ingest.portal_dataset import BOOKS, SCHEMA
from integration.ingest.test_ingest_load import CATALOG, DEMO, R1
from integration.ingest.test_transforms import BREAKS
from integration.ingest.test_usable import VIEWS
from integration.ingest.test_verify_whole import BROKEN, MORE
from tiers import sample

from plugins.module_utils.reingest.load.locale import Locale, read_locale


@pytest.fixture(scope="session", params=MAJORS)
def staging(server_factory, request):
    return server_factory(request.param)


ON_BOTH_ENDS = pytest.mark.parametrize("staging", sample(MAJORS, MAJORS[0], MAJORS[-1]), indirect=True)


@ON_BOTH_ENDS
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


@ON_BOTH_ENDS
def test_what_follows_from_the_rows_is_made_and_what_is_broken_is_found(run_module, load, portal, staging):
    portal.schema(SCHEMA + MORE + VIEWS)
    portal.change("checks:", "  part: {owner: schema}\nchecks:")
    result = load()
    assert result.get("changed"), result.get("msg")
    assert staging.rows("SELECT (TABLE z), (TABLE a), (TABLE y), (TABLE b)", "library") == [(2, 20, 2, 2)]
    assert staging.rows("INSERT INTO book (title) VALUES ('new') RETURNING id", "library") == [(10,)]
    staging.rows("DELETE FROM book WHERE id = 10", "library")
    broken = {name: statement for statement, name, *_ in BROKEN.values()}
    major = int(staging.rows("SHOW server_version_num")[0][0]) // 10000
    if major < 15:
        del broken["collation:default"]  # no version of it is written down
    if major >= 18:
        broken["constraint:book.never"] = "ALTER TABLE book ADD CONSTRAINT never CHECK (id > 99) NOT ENFORCED"
    for statement in broken.values():
        staging.rows(statement, "library")
    given = {"dataset": str(portal.dataset), "staging_dsn": staging.dsn(), "first": True}
    found = run_module("ingest_verify", **given)["findings"]
    assert {finding["name"] for finding in found} == set(broken)


@ON_BOTH_ENDS
def test_what_a_transform_breaks_is_told_and_the_locale_is_read(load, portal, staging):
    portal.change("checks:", "transform: [one.sql]\nchecks:")
    text, message = BREAKS["a reference that names the table"]
    off, _ = BREAKS["triggers off and on again"]
    unproven = "ALTER TABLE author ADD CHECK (id <> 'a2') NOT VALID;"
    (portal.folder / "one.sql").write_text(f"{unproven} {off} {text}")
    told = load()["msg"]
    assert "reference book_author_id_fkey, after one.sql" in told
    assert "break it" not in told  # nobody says that a check which is NOT VALID holds
    assert message.split(":")[0] in told
    with closing(staging.connect()) as connection:
        assert read_locale(connection, "library") == Locale("UTF8", "c", "C", "C")
