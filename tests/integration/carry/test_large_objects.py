"""Large objects that users' rows name come with the rows: number, content, owner, grants and comment."""

from __future__ import annotations

import re
import stat

import pytest
from integration.carry.conftest import Portal

from plugins.module_utils.reingest.carry import carry_over, put_objects
from plugins.module_utils.reingest.carry.record import carried_record
from plugins.module_utils.reingest.carry.survey import survey
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.frame.bring import Brought
from plugins.module_utils.reingest.ownership.catalog import read_catalog
from plugins.module_utils.reingest.postgres.session import pinned_reading

SCHEMA = """
CREATE TABLE s (id text PRIMARY KEY);
CREATE TABLE upload (id int PRIMARY KEY, s text REFERENCES s, picture oid, owner_oid oid);
"""
OWNERS = {"s": "source", "upload": "quarantine"}
OIDS = {"upload": {"picture": "large object", "owner_oid": "number"}}
OBJECTS = "SELECT oid::bigint, lo_get(oid) FROM pg_largeobject_metadata ORDER BY 1"
PAGES = "SELECT loid::bigint, pageno, md5(data) FROM pg_largeobject ORDER BY 1, 2"
RIGHTS = "SELECT oid::bigint, lomowner::regrole::text, lomacl::text FROM pg_largeobject_metadata ORDER BY 1"


@pytest.fixture
def uploads(portal):
    """Return a portal with three uploads; the last object is sparse, and ends at a page that is empty."""
    portal.make(SCHEMA, OWNERS, oids=OIDS)
    for server in (portal.production, portal.staging):
        for role in ("lo_owner", "lo_reader"):
            server.rows(f"DROP ROLE IF EXISTS {role}")
            server.rows(f"CREATE ROLE {role}")
    portal.live("INSERT INTO s VALUES ('kept'), ('gone')")
    portal.new("INSERT INTO s VALUES ('kept')")
    portal.live("SELECT lo_from_bytea(5001, 'one')")
    portal.live("SELECT lo_from_bytea(5002, decode(repeat('00ff', 300000), 'hex'))")
    portal.live("SELECT lo_from_bytea(4000005003, 'three')")
    portal.live("SELECT lo_put(4000005003, 100000, 'far')")
    portal.live("SELECT lo_truncate64(lo_open(4000005003, 131072), 204800)")
    portal.live(
        "INSERT INTO upload VALUES (1, 'kept', 5001, 77), (2, 'kept', 5002, 0), (3, NULL, 4000005003, NULL)"
    )
    return portal


def test_objects_come_with_their_rows_and_the_report_says_so(uploads):
    result = uploads.carry()
    assert result.lines == (
        "upload: 3 carried, 0 differ",
        "large objects of upload: 3 carried, 0 differ",
    )
    assert result.warnings == ()
    rows = "SELECT id, picture::bigint, owner_oid::bigint FROM public.upload ORDER BY 1"
    for query in (rows, OBJECTS, PAGES):
        assert uploads.seen(uploads.staging, query) == uploads.seen(uploads.production, query) != []


def test_owner_grants_and_comment_come_along(uploads):
    uploads.live("ALTER LARGE OBJECT 5001 OWNER TO lo_owner")
    uploads.live("GRANT SELECT ON LARGE OBJECT 5001 TO PUBLIC")
    uploads.live("GRANT UPDATE ON LARGE OBJECT 5001 TO lo_reader WITH GRANT OPTION")
    uploads.live("REVOKE UPDATE ON LARGE OBJECT 5001 FROM lo_owner")
    uploads.live("COMMENT ON LARGE OBJECT 5002 IS 'a 100% \"picture\"'")
    uploads.carry()
    comment = "SELECT obj_description(5002, 'pg_largeobject')"
    assert uploads.seen(uploads.staging, comment) == [('a 100% "picture"',)]
    seen = [
        [
            (oid, owner, sorted((acl or "{}")[1:-1].split(",")))
            for oid, owner, acl in uploads.seen(server, RIGHTS)
        ]
        for server in (uploads.staging, uploads.production)
    ]
    assert seen[0][0] == seen[1][0] == (
        5001, "lo_owner", ["=r/lo_owner", "lo_owner=r/lo_owner", "lo_reader=w*/lo_owner"],
    )  # fmt: skip


def test_default_privileges_of_the_new_server_add_nothing(server_factory, tmp_path):
    """Those of large objects came with PostgreSQL 18."""
    portal = Portal(server_factory(18), server_factory(18), tmp_path)
    portal.make(SCHEMA, OWNERS, oids=OIDS)
    portal.live("INSERT INTO upload VALUES (1, NULL, lo_from_bytea(5001, 'one'))")
    portal.new("CREATE ROLE lo_reader; ALTER DEFAULT PRIVILEGES GRANT SELECT ON LARGE OBJECTS TO lo_reader")
    portal.carry()
    assert portal.new("SELECT has_largeobject_privilege('lo_reader', 5001, 'SELECT')") == [(False,)]


def test_a_role_that_was_made_since_the_load_owns_its_object_after_the_switch(uploads):
    uploads.live("CREATE ROLE only_here")
    try:
        uploads.live(
            "ALTER LARGE OBJECT 5001 OWNER TO only_here; GRANT SELECT ON LARGE OBJECT 5002 TO only_here"
        )
        assert uploads.carry().warnings == ()
        rights = {oid: (owner, granted) for oid, owner, granted in uploads.new(RIGHTS)}
        assert rights[5001][0] == "only_here"
        assert "only_here=r/postgres" in rights[5002][1]
    finally:
        uploads.lift()
        for server in (uploads.live, uploads.new):
            server("REASSIGN OWNED BY only_here TO postgres; DROP OWNED BY only_here; DROP ROLE only_here")


def test_a_role_that_is_not_there_is_told_and_the_object_is_carried(uploads, monkeypatch):
    monkeypatch.setattr(carry_over, "bring_roles", lambda *_, **__: Brought((), ()))
    uploads.live("CREATE ROLE only_here")
    try:
        uploads.live(
            "ALTER LARGE OBJECT 5001 OWNER TO only_here; GRANT SELECT ON LARGE OBJECT 5002 TO only_here"
        )
        result = uploads.carry()
        assert result.warnings == (
            "large objects are not owned by, or granted to, roles that are not there: only_here",
        )
        assert uploads.new("SELECT count(*) FROM pg_largeobject_metadata") == [(3,)]
    finally:
        uploads.lift()
        uploads.live("REASSIGN OWNED BY only_here TO postgres; DROP OWNED BY only_here; DROP ROLE only_here")


def test_the_same_put_twice_is_the_same_put(uploads):
    uploads.carry()
    before = [uploads.new(query) for query in (OBJECTS, PAGES, RIGHTS)]
    uploads.lift()
    assert uploads.carry(run="run-2").lines[1] == "large objects of upload: 3 carried, 0 differ"
    assert [uploads.new(query) for query in (OBJECTS, PAGES, RIGHTS)] == before


def test_what_changed_and_went_between_two_puts_is_so_after_the_second(uploads):
    uploads.carry()
    uploads.lift()
    uploads.live("SELECT lo_truncate(lo_open(5002, 131072), 5)")
    uploads.live("ALTER LARGE OBJECT 5002 OWNER TO lo_owner; DELETE FROM upload WHERE id = 1")
    uploads.live("SELECT lo_unlink(5001)")
    assert uploads.carry(run="run-2").lines[1] == "large objects of upload: 2 carried, 0 differ"
    assert uploads.seen(uploads.staging, PAGES) == uploads.seen(uploads.production, PAGES)
    assert uploads.new(RIGHTS)[0][:2] == (5002, "lo_owner")


def test_more_objects_than_a_transaction_may_lock_come_and_go(uploads):
    uploads.live("INSERT INTO upload SELECT n, NULL, lo_from_bytea(0, '7') FROM generate_series(10, 15009) n")
    rights = "GRANT SELECT ON LARGE OBJECT %1$s TO lo_reader; COMMENT ON LARGE OBJECT %1$s IS $c$x$c$"
    for thousand in range(1, 15):
        [(statements,)] = uploads.live(
            f"SELECT string_agg(format('{rights}', picture), ';') FROM upload WHERE id / 1000 = {thousand}"
        )
        uploads.live(statements)
    uploads.live("SELECT lo_unlink(5001); DELETE FROM upload WHERE id = 1")
    assert uploads.carry().lines[1] == "large objects of upload: 15,002 carried, 0 differ"
    given = "SELECT count(lomacl), count(obj_description(oid, 'pg_largeobject')) FROM pg_largeobject_metadata"
    assert uploads.new(given) == [(14000, 14000)]
    uploads.lift()
    uploads.live("DELETE FROM upload WHERE id > 9")
    result = uploads.carry(run="run-2")
    assert result.warnings == (
        "15,000 large objects that no row of a portal-owned table names are not carried",
    )
    assert [oid for oid, _ in uploads.new(OBJECTS)] == [5002, 4000005003]


def test_a_number_that_the_load_itself_has_is_refused_before_the_window_and_in_it(loaded):
    uploads = loaded
    uploads.new("SELECT lo_from_bytea(5002, 'of the load')")
    told = "rows of upload name large objects whose number one of the load itself has: 5002: "
    with pytest.raises(Refusal, match=told):
        surveyed(uploads)
    with pytest.raises(Refusal, match=told):
        uploads.carry()
    assert not uploads.is_fenced
    assert uploads.new("SELECT lo_get(5002)")[0][0].tobytes() == b"of the load"
    assert uploads.new("SELECT count(*) FROM upload") == [(0,)]


def test_objects_of_the_load_itself_stay_and_are_no_users(uploads):
    uploads.new("SELECT lo_from_bytea(7, 'of the load')")
    uploads.carry()
    assert uploads.new("SELECT loid::bigint FROM reingest.load_object") == [(7,)]
    assert [oid for oid, _ in uploads.new(OBJECTS)] == [7, 5001, 5002, 4000005003]


def test_objects_of_a_load_without_users_objects_are_written_down_too(portal):
    portal.make("CREATE TABLE t (id int)", {"t": "quarantine"})
    portal.new("SELECT lo_from_bytea(7, 'of the load')")
    with pinned_reading(portal.staging.dsn(), "portal") as load:
        assert read_catalog(load).large_objects
        portal.carry()
        assert not read_catalog(load).large_objects


def surveyed(portal):
    return survey(
        portal.volume,
        portal.production.dsn(),
        live=portal.production.data,
        staging=portal.staging.dsn(),
        target=None,
        coming=False,
    )


@pytest.fixture
def loaded(uploads):
    """Return the portal with the table by which a load is found."""
    for server in (uploads.production, uploads.staging):
        server.rows("CREATE TABLE reingest.load (n int)", "portal")
    return uploads


def test_the_survey_counts_objects_and_their_size_and_says_what_is_odd(loaded):
    loaded.live("INSERT INTO upload VALUES (4, NULL, 12345), (5, NULL, 0)")
    loaded.live("SELECT lo_from_bytea(6000, 'of nobody')")
    found = surveyed(loaded)
    assert found.objects == 3
    assert found.size > 600_000
    assert found.told == (
        "table upload: 1 rows name a large object in picture that production does not have: carried as they "
        "are",
        "1 large objects that no row of a portal-owned table names are not carried",
    )


def test_a_row_that_names_no_object_is_carried_as_it_is_and_told(uploads):
    uploads.live("INSERT INTO upload VALUES (4, NULL, 12345)")
    result = uploads.carry()
    assert result.lines[1] == "large objects of upload: 3 carried, 0 differ"
    assert result.warnings[0].startswith(
        "table upload: 1 rows name a large object in picture that production"
    )
    assert uploads.new("SELECT picture::bigint FROM upload WHERE id = 4") == [(12345,)]


def test_objects_of_rows_in_quarantine_are_kept_and_come_on(uploads):
    uploads.live("UPDATE upload SET s = 'gone' WHERE id = 2")
    result = uploads.carry()
    assert result.lines == (
        "upload: 2 carried, 1 quarantined, 0 differ (s names no row of s)",
        "large objects of upload: 3 carried, 0 differ",
    )
    assert uploads.seen(uploads.staging, PAGES) == uploads.seen(uploads.production, PAGES)
    # And back: the object goes with the row that is in quarantine there.
    opened = uploads.back()
    assert "carry large objects of upload: 3 carried, 0 differ" in opened.did
    assert uploads.live("SELECT length(lo_get(picture)) FROM upload WHERE id = 2") == [(600000,)]


def test_objects_of_rows_that_are_dropped_are_left_out(uploads):
    for server in (uploads.production, uploads.staging):
        server.rows("UPDATE reingest.load_table SET orphans_policy = 'drop' WHERE name = 'upload'", "portal")
    uploads.live("UPDATE upload SET s = 'gone' WHERE id = 2")
    result = uploads.carry()
    assert result.lines[1] == "large objects of upload: 2 carried, 1 left out with their rows, 0 differ"
    assert [oid for oid, _ in uploads.new(OBJECTS)] == [5001, 4000005003]


def test_an_object_that_is_changed_on_its_way_undoes_the_switch(uploads, monkeypatch):
    monkeypatch.setattr(put_objects, "_FILL", put_objects._FILL.replace("p.data)", "'x' || p.data)"))
    with pytest.raises(Refusal, match="large objects of upload are not in the load as they were taken"):
        uploads.carry()
    assert not uploads.is_fenced
    assert uploads.new("SELECT count(*) FROM pg_largeobject_metadata") == [(0,)]


def test_the_copy_on_the_volume_has_them_for_this_account_alone(uploads):
    uploads.carry()
    folder = uploads.volume.run("run-1") / "carried"
    assert (folder / "pages").stat().st_size > 600_000
    assert (folder / "objects").read_text().startswith("5001\tpostgres\t")
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in ("pages", "objects")} == {0o600}
    assert carried_record(uploads.volume, "run-1").read().large_objects.rows == 3


def test_on_the_way_back_objects_are_as_they_were_left(uploads):
    uploads.carry()
    uploads.new("SELECT lo_put(5001, 0, 'ONE and more'); SELECT lo_from_bytea(5004, 'new')")
    uploads.new("SELECT lo_unlink(5002); DELETE FROM upload WHERE id = 2")
    uploads.new("INSERT INTO upload VALUES (4, 'kept', 5004)")
    opened = uploads.back()
    assert opened.did[:2] == (
        "carry upload: 3 carried, 0 differ",
        "carry large objects of upload: 3 carried, 0 differ",
    )
    texts = "SELECT id, convert_from(lo_get(picture), 'UTF8') FROM upload WHERE id <> 3 ORDER BY 1"
    assert uploads.live(texts) == [
        (1, "ONE and more"), (4, "new"),
    ]  # fmt: skip
    assert [oid for oid, _, _ in uploads.live(RIGHTS)] == [5001, 5004, 4000005003]


def test_on_the_way_back_an_object_that_users_left_behind_gives_way_to_a_new_one_of_its_number(uploads):
    uploads.carry()
    assert uploads.back().kept == ()
    uploads.live("SELECT lo_from_bytea(6000, 'garbage of users')")
    # Forward again, where somebody makes one of the same number, and back.
    uploads.take("run-3", forward=True)
    uploads.open("run-3", forward=True)
    uploads.new("SELECT lo_from_bytea(6000, 'new'); INSERT INTO upload VALUES (4, 'kept', 6000)")
    assert "carry large objects of upload: 4 carried, 0 differ" in uploads.back(run="run-4").did
    assert uploads.live("SELECT convert_from(lo_get(6000), 'UTF8')") == [("new",)]


def test_objects_of_a_table_that_the_earlier_schema_cannot_hold_stay_there(uploads):
    uploads.carry()
    uploads.new("ALTER TABLE upload ADD stars int; SELECT lo_put(5001, 0, 'ONE')")
    opened = uploads.back()
    assert "column stars is not there" in opened.kept[0]
    assert uploads.live("SELECT convert_from(lo_get(5001), 'UTF8')") == [("one",)]
    folder = uploads.volume.run("run-2") / "carried"
    assert (folder / "pages").stat().st_size > 0


def test_columns_of_type_lo_and_of_domains_name_objects_too(portal):
    schema = 'CREATE DOMAIN lo AS oid; CREATE TABLE "t %" (id int, "a % b" lo)'
    portal.make(schema, {"t %": "quarantine"}, oids={"t %": {"a % b": "large object"}})
    portal.live("SELECT lo_from_bytea(5001, 'one')")
    portal.production.rows('INSERT INTO "t %%" VALUES (%(id)s, 5001)', "portal", id=1)
    assert portal.carry().lines[1] == "large objects of t %: 1 carried, 0 differ"


def test_objects_of_partitions_and_children_come_through_the_parent(portal):
    schema = "CREATE TABLE t (id int, picture oid);"
    portal.make(
        schema + "CREATE TABLE child () INHERITS (t)", {"t": "quarantine"},
        new=schema.replace(";", " PARTITION BY RANGE (id); CREATE TABLE rest PARTITION OF t DEFAULT"),
        oids={"t": {"picture": "large object"}},
    )  # fmt: skip
    portal.live("SELECT lo_from_bytea(5001, 'one'), lo_from_bytea(5002, 'two')")
    portal.live("INSERT INTO t VALUES (1, 5001); INSERT INTO child VALUES (2, 5002)")
    assert portal.carry().lines == (
        "t: 2 carried, 0 differ",
        "large objects of t: 2 carried, 0 differ",
    )


NUMBERS = "CREATE DOMAIN number AS oid; CREATE TYPE pair AS (a int, b oid);"


def test_numbers_are_carried_as_they_are_in_any_type(portal):
    schema = NUMBERS + "CREATE TABLE t (a oid, b oid[], c number, d pair)"
    portal.make(schema, {"t": "quarantine"}, oids={"t": dict.fromkeys("abcd", "number")})
    portal.live("INSERT INTO t VALUES (4294967295, '{1,2}', 3, '(4,5)')")
    assert portal.carry().lines == ("t: 1 carried, 0 differ",)
    assert portal.seen(portal.staging, "SELECT t::text FROM public.t") == [
        ('(4294967295,"{1,2}",3,"(4,5)")',)
    ]


@pytest.mark.parametrize(
    ("column", "said", "told"),
    [
        ("oid", {}, "holds OIDs, and the dataset does not say what they are: add `oids: {a: large object}`"),
        ("number", {}, "add `oids: {a: large object}`"),
        ("oid[]", {}, "add `oids: {a: number}`"),
        ("pair", {}, "add `oids: {a: number}`"),
        ("number[]", {"a": "large object"}, "which names no large object"),
        ("pair", {"a": "large object"}, "which names no large object"),
        ("text", {"a": "large object"}, "which names no large object"),
    ],
)
def test_a_column_whose_oids_nobody_explained_is_refused(portal, column, said, told):
    portal.make(f"{NUMBERS} CREATE TABLE t (a {column})", {"t": "quarantine"}, oids={"t": said})
    with pytest.raises(Refusal, match=re.escape(told)):
        portal.carry()
    assert not portal.is_fenced
