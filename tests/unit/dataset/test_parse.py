import re
from pathlib import Path

import pytest

from plugins.module_utils.reingest.dataset.model import Budget, Check, Column, Condition
from plugins.module_utils.reingest.dataset.parse import parse_dataset
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.sources.registry import format_of

DEMO = Path(__file__).parents[3] / "demo" / "dataset.yml"
HEAD = "database: d\nschema: s.sql\ntables:\n"


@pytest.fixture
def parse(tmp_path):
    def run(text, **options):
        file = tmp_path / "dataset.yml"
        file.write_text(text)
        return parse_dataset(file, **options)

    return run


def test_the_demo_is_read_whole():
    dataset = parse_dataset(DEMO)
    assert (dataset.database, dataset.release) == ("nmdc", "r2_2021-02-01")
    assert dataset.schema == DEMO.parent / "schema.sql"
    assert [path.name for path in dataset.transforms] == ["study_counts.sql"]
    assert [table.name for table in dataset.tables][:2] == ["study", "biosample"]
    study = dataset.table("study")
    assert (study.owner, study.sources, study.reading.format, study.limits.own) == (
        "source",
        ("study_set.jsonl.gz",),
        "jsonl",
        {"shrink": 0.1},
    )
    assert Column("type", ("type", "uriorcurie")) in study.columns
    assert (
        Column("principal_investigator", ("principal_investigator_name.has_raw_value",), True)
        in study.columns
    )
    assert study.columns[-1].is_rest
    assert dataset.table("file_download").orphans == "quarantine"
    assert dataset.table("omics_input").each == "has_input"
    assert dataset.table("nothing") is None
    assert dataset.limits == {"shrink": 0.05}
    assert dataset.checks[-1] == Check(
        "the studies' counts were filled", "select count(*) > 0 from study where omics_count > 0", True
    )


def test_transforms_that_run_again_are_some_of_them_in_their_order(parse):
    text = f"{HEAD}  t: {{owner: portal}}\ntransform: [a.sql, b.sql, c.sql]\n"
    assert parse(text).again == ()
    assert [path.name for path in parse(f"{text}transform_again: [c.sql, a.sql]\n").again] == [
        "a.sql",
        "c.sql",
    ]
    with pytest.raises(Refusal, match=r"transform_again: d\.sql is none of `transform:`"):
        parse(f"{text}transform_again: d.sql\n")


def test_the_folder_of_sources_gives_the_release_its_name(parse, tmp_path):
    table = "  t: {owner: portal}\n"
    assert parse(HEAD + table, sources="data/r7").release == "r7"
    assert parse(HEAD + table, sources="data/r7").sources == tmp_path / "data" / "r7"
    assert parse(f"release: named\n{HEAD}{table}", sources="data/r7").release == "named"
    assert parse(f"release: named\n{HEAD}{table}", release="given").release == "given"


def test_what_oids_are_is_said_by_column(parse):
    table = parse(HEAD + "  t: {owner: portal, oids: {picture: large object, on: number}}\n").table("t")
    assert table.oids == {"picture": "large object", "on": "number"}
    assert parse(HEAD + "  t: {owner: portal}\n").table("t").oids == {}


def test_words_that_yaml_takes_for_values_are_names_as_keys(parse):
    table = parse(
        HEAD + "  t: {owner: source, from: a.csv, null: '-', columns: {on: id, no: x, null: y}}\n"
    ).tables[0]
    assert table.reading.dialect.null == "-"
    assert [column.name for column in table.columns] == ["on", "no", "null"]


def test_merge_keys_share_what_tables_have_in_common(parse):
    text = HEAD + "  a: &a {owner: source, from: a.csv, duplicates: drop}\n  b: {<<: *a, from: b.csv}\n"
    table = parse(text).table("b")
    assert (table.sources, table.duplicates) == (("b.csv",), "drop")


def test_the_dialect_follows_the_format(parse):
    text = HEAD + "  a: {owner: source, from: a.csv}\n  b: {owner: source, from: b.tsv.gz}\n"
    a, b = (table.reading.dialect for table in parse(text).tables)
    assert (a.delimiter, a.quote, b.delimiter, b.quote) == (",", '"', "\t", "")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("{owner: sauce}", "tables.t.owner: 'sauce' is none of source, portal, schema"),
        ("{from: a.csv}", "tables.t: has no owner: add `owner:` with one of source, portal, schema"),
        ("{owner: source}", "tables.t: nothing fills it: add `from:`"),
        ("{owner: source, each: x}", "tables.t: each needs `from:`"),
        ("{owner: source, from: a.txt}", "tables.t: a.txt does not tell its format"),
        (
            "{owner: source, from: [a.csv, b.jsonl], columns: {a: a}}",
            "tables.t.from: the files are of different formats",
        ),
        ("{owner: source, from: a.jsonl}", "the key columns is missing: jsonl names no columns"),
        (
            "{owner: source, from: a.jsonl, quote: x, columns: {a: a}}",
            "tables.t.quote: is for csv, tsv, and the sources are jsonl",
        ),
        (
            "{owner: source, from: a.csv, each: x}",
            "tables.t.each: is for jsonl, json, parquet, bson, sql, and the sources are csv",
        ),
        (
            '{owner: source, from: a.csv, delimiter: ""}',
            "tables.t.delimiter: must be one character or several",
        ),
        (
            "{owner: portal, from: a.csv}",
            "tables.t.from: is for tables of owner source; this one's owner is portal",
        ),
        ("{owner: schema, orphans: drop}", "tables.t.orphans: is for tables of owner source and portal"),
        ("{owner: schema, oids: {a: number}}", "tables.t.oids: is for tables of owner portal"),
        ("{owner: source, from: a.csv, oids: {a: number}}", "tables.t.oids: is for tables of owner portal"),
        ("{owner: portal, oids: {a: blob}}", "tables.t.oids.a: 'blob' is none of large object, number"),
        (
            "{owner: source, from: a.csv, orphans: ignore}",
            "tables.t.orphans: 'ignore' is none of fail, drop, quarantine",
        ),
        (
            "{owner: source, from: a.csv, shrink: 5}",
            "tables.t.shrink: must be a percentage such as 5%, not 5",
        ),
        ("{owner: source, from: a.csv, required: 1}", "tables.t.required: must be true or false, not 1"),
        ("{owner: schema, required: true}", "tables.t.required: is for tables of owner source"),
        ("{owner: source, from: a.csv, shrink: 500%}", "tables.t.shrink: must be a percentage"),
        ("{owner: source, from: a.csv, colums: {}}", "tables.t: unknown key colums; did you mean columns?"),
        (
            "{owner: source, from: a.jsonl, columns: {a: .}}",
            "tables.t.columns.a: . is the element of an array",
        ),
        ("{owner: source, from: a.jsonl, columns: {a: '*', b: '*'}}", "more than one column takes the rest"),
        ("{owner: source, from: a.jsonl, columns: {a: [b, '*']}}", 'tables.t.columns.a: "*" stands alone'),
        (
            "{owner: source, from: a.jsonl, columns: {a: no}}",
            "tables.t.columns.a: must be a text or a list of texts",
        ),
        (
            "{owner: source, from: a.jsonl, columns: {a: {pat: b}}}",
            "tables.t.columns.a: unknown key pat; did you mean path?",
        ),
        (
            "{owner: source, from: a.jsonl, columns: {a: {path: b, optional: 1}}}",
            "optional: must be true or false",
        ),
        (
            "{owner: source, from: a.csv, columns: {a: {value: x, path: b}}}",
            "tables.t.columns.a.path: is for a column with a path, and `value:` is the same in each row",
        ),
        (
            "{owner: source, from: a.csv, columns: {a: {value: 2021-01-02}}}",
            "tables.t.columns.a.value: must be one value (quote a date; leave a column out that is NULL)",
        ),
        (
            "{owner: source, from: a.csv, columns: {a: {value: null}}}",
            "tables.t.columns.a.value: must be one",
        ),
        ("{owner: source, from: a.csv, where: {}}", "tables.t.where: names no path"),
        ("{owner: source, from: a.csv, where: {a: []}}", "tables.t.where.a: names no value"),
        (
            "{owner: source, from: a.csv, where: {a: 1}}",
            "tables.t.where.a: must be a field's text, or a list of them: quote 1",
        ),
        (
            "{owner: source, from: a.jsonl, columns: {a: a}, where: {a: {b: c}}}",
            "tables.t.where.a: must be one value, or a list of values, not {'b': 'c'}",
        ),
        (
            "{owner: source, from: a.jsonl, columns: {a: a}, where: {a: 2020-01-01}}",
            "tables.t.where.a: must be one value, or a list of values, not datetime.date(2020, 1, 1)",
        ),
        (
            "{owner: source, from: a.jsonl, columns: {a: a}, where: {.b: c}}",
            "tables.t.where..b: .b is the element of an array",
        ),
        (
            "{owner: source, from: a.jsonl, columns: {a: a}, where: {'*': c}}",
            "tables.t.where.*: is the rest of a record",
        ),
        ("{owner: portal, where: {a: b}}", "tables.t.where: is for tables of owner source"),
        ("[]", "tables.t: must be a list of `key: value`, not a list"),
        ("", "tables.t: must be a list of `key: value`, not nothing"),
    ],
)
def test_a_mistake_in_a_table_is_named_with_its_place(parse, tmp_path, table, message):
    with pytest.raises(Refusal) as caught:
        parse(f"{HEAD}  t: {table}\n")
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "dataset.yml"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("databas: d\n", "unknown key databas; did you mean database?"),
        ("xyz: d\n", "unknown key xyz; the keys here are database, schema"),
        ("schema: s.sql\n", "the key database is missing"),
        ("database: d\nschema: s.sql\n", "the key tables is missing"),
        ("database: d\nschema: s.sql\ntables: {}\n", "tables: names no table"),
        ("database: postgres\n", "database: postgres is PostgreSQL's own"),
        ("database: d\ndatabase: e\n", "dataset.yml:2: the key database is here twice"),
        ("database: [\n", "dataset.yml:2: "),
        ("[]", "must be a list of `key: value`, not a list"),
        (
            f"{HEAD}  t: {{owner: portal}}\nchecks: {{sql: [{{name: a, query: q}}]}}",
            "checks.sql[0]: the key expect is missing",
        ),
        (
            f"{HEAD}  t: {{owner: portal}}\nchecks:\n  sql:\n" + "  - {name: a, query: q, expect: 1}\n" * 2,
            "checks.sql[1].name: there is another check named 'a'",
        ),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_place(parse, text, message):
    with pytest.raises(Refusal) as caught:
        parse(text)
    assert message in str(caught.value)


def test_a_missing_dataset_is_named(tmp_path):
    with pytest.raises(Refusal, match=r"the dataset .*dataset\.yml cannot be read: No such file"):
        parse_dataset(tmp_path / "dataset.yml")


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.jsonl", "jsonl"),
        ("a.ndjson.gz", "jsonl"),
        ("a.csv.zst", "csv"),
        ("b/a.tsv.gz", "tsv"),
        ("a.json", "json"),
        ("dump/d/a.bson.gz", "bson"),
        ("s3://bucket/a.parquet", "parquet"),
        ("https://host/a.csv.gz?version=2.json", "csv"),
        ("sqlite:///a.csv", "sql"),
        ("postgresql+psycopg2://host/d", "sql"),
        ("https://host/a", ""),
        ("a", ""),
    ],
)
def test_the_name_tells_the_format(name, form):
    assert format_of(name) == form


BAD_ROWS = "database: d\nschema: s.sql\non_reject: quarantine\n"
ROWS_OF = "tables: {t: {owner: source, from: a.csv}, u: {owner: source, from: a.csv, on_reject: fail}}\n"


def test_the_top_level_says_what_becomes_of_bad_rows_unless_a_table_says_otherwise(parse):
    dataset = parse(f"{BAD_ROWS}max_rejects: 2.5%\n{ROWS_OF}")
    assert [table.on_reject for table in dataset.tables] == ["quarantine", "fail"]
    assert dataset.max_rejects == Budget(fraction=0.025)
    assert dataset.max_rejects.allows(25, 1000)
    assert not dataset.max_rejects.allows(26, 1000)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{BAD_ROWS}{ROWS_OF}", "tables.t: sets bad rows aside: say how many with `max_rejects:`"),
        (f"{BAD_ROWS}max_rejects: -1\n{ROWS_OF}", "max_rejects: must be a number of rows or a percentage"),
        (f"{BAD_ROWS}max_rejects: some\n{ROWS_OF}", "max_rejects: must be a percentage"),
        (
            HEAD + "  t: {owner: source, from: a.csv, max_rejects: 3}\n",
            "tables.t.max_rejects: is for `on_reject: quarantine` or `orphans: quarantine`",
        ),
        (
            HEAD + "  t: {owner: source, from: a.csv, orphans: quarantine}\n",
            "tables.t: sets bad rows aside: say how many",
        ),
        (HEAD + "  t: {owner: portal, on_reject: fail}\n", "is for tables of owner source"),
    ],
)
def test_rows_are_set_aside_only_with_a_budget(parse, text, message):
    with pytest.raises(Refusal) as caught:
        parse(text)
    assert message in str(caught.value)


def test_a_condition_has_one_value_or_several_and_the_null_text_of_fields_is_null(parse):
    text = (
        HEAD + "  a: {owner: source, from: a.jsonl, columns: {a: a}, where: {type: x, n: [1, true, null]}}\n"
        "  b: {owner: source, from: b.csv, null: '-', where: {type: ['', '-']}}\n"
    )
    a, b = parse(text).tables
    assert a.where == (Condition("type", ("x",)), Condition("n", (1, True, None)))
    assert b.where == (Condition("type", ("", None)),)


def test_a_table_that_a_transform_fills_may_be_required(parse):
    tables = "  t: {owner: source, required: true}\n  u: {owner: source}\n"
    found = parse(f"{HEAD}{tables}transform: a.sql\n").tables
    assert [table.required for table in found] == [True, False]


def test_views_that_stay_empty_are_named(parse):
    tables = "  t: {owner: portal}\n"
    assert parse(HEAD + tables).unpopulated == frozenset()
    found = parse(f"{HEAD}{tables}views: {{m: unpopulated, other.no: unpopulated}}\n").unpopulated
    assert found == {"m", "other.no"}


def test_views_that_a_switch_leaves_for_after_its_window_are_named(parse):
    tables = "  t: {owner: portal}\n"
    assert parse(HEAD + tables).after_switch == frozenset()
    found = parse(f"{HEAD}{tables}views: {{m: unpopulated, other.no: after_switch}}\n")
    assert (found.unpopulated, found.after_switch) == ({"m"}, {"other.no"})
    assert found.views == {"m", "other.no"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{m: refreshed}", "views.m: 'refreshed' is none of unpopulated, after_switch"),
        ("{m: no}", "views.m: must be a text, not False"),
        ("[m]", "views: must be a list of `key: value`, not a list"),
    ],
)
def test_nothing_else_is_said_of_a_view(parse, text, message):
    with pytest.raises(Refusal, match=re.escape(message)):
        parse(f"{HEAD}  t: {{owner: portal}}\nviews: {text}\n")


def test_the_other_databases_of_production_are_left_behind_by_name(parse):
    tables = "  t: {owner: portal}\n"
    assert parse(HEAD + tables).databases == {}
    found = parse(f"{HEAD}{tables}databases: {{other: ignore, 'a b': ignore, no: ignore}}\n").databases
    assert found == {"other": "ignore", "a b": "ignore", "no": "ignore"}


def test_another_database_is_carried_whole_where_it_is_the_portals(parse):
    found = parse(HEAD + "  t: {owner: schema}\ndatabases: {jobs: portal, old: ignore, 'a b': portal}\n")
    assert found.whole == ["a b", "jobs"]
    assert found.portal


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "{postgres: portal}",
            "databases.postgres: is PostgreSQL's own, which no switch can carry: write ignore",
        ),
        ("{template1: portal}", "databases.template1: is PostgreSQL's own"),
        ("{other: keep}", "databases.other: 'keep' is none of ignore, portal"),
        ("{d: ignore}", "databases.d: is the portal's own"),
        ("[other]", "databases: must be a list of `key: value`, not a list"),
    ],
)
def test_another_database_that_cannot_be_so_declared_is_refused(parse, text, message):
    with pytest.raises(Refusal) as refused:
        parse(f"{HEAD}  t: {{owner: portal}}\ndatabases: {text}\n")
    assert message in str(refused.value)
