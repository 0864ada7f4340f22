import pytest

from plugins.module_utils.reingest.dataset.document import Section
from plugins.module_utils.reingest.dataset.form import read_form
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.sources.reading import Dialect, Reading


@pytest.fixture
def form(tmp_path):
    def read(source, **keys):
        return read_form(Section(tmp_path / "dataset.yml", "tables.t", keys), "t", [source])

    return read


def test_a_dialect_is_read_whole(form):
    keys = {"delimiter": ";", "quote": "'", "escape": "\\", "null": "NA", "header": 2, "skip": 3}
    found = form("a.csv", encoding="latin-1", longest="2 MiB", **keys)
    assert found == Reading("csv", "latin-1", 2 << 20, Dialect(";", "'", "NA", "\\", 2, (), 3))


def test_the_header_may_be_named_or_absent(form):
    assert form("a.csv", header=["x", "y"]).dialect == Dialect(header=0, names=("x", "y"))
    assert form("a.csv", header=False, columns={"x": "1"}).dialect == Dialect(header=0)
    assert form("a.csv", header=True).dialect == Dialect()


def test_a_database_is_asked_for_the_table_of_the_same_name_unless_told(form):
    assert form("sqlite:///x.db").table == "t"
    assert form("sqlite:///x.db", table="s.u").table == "s.u"
    found = form("mysql+pymysql://u:${PASSWORD}@host/d", query="SELECT 1")
    assert (found.format, found.table, found.query) == ("sql", "", "SELECT 1")


@pytest.mark.parametrize(
    ("source", "keys", "message"),
    [
        ("a.csv", {"header": 0}, "tables.t.header: must be false, a number of lines from 1, or the names"),
        ("a.csv", {"header": ["x", "x"]}, "tables.t.header: must name each field once"),
        ("a.csv", {"header": False}, "tables.t.header: false needs `columns:`"),
        ("a.csv", {"skip": True}, "tables.t.skip: must be a number of lines"),
        ("a.csv", {"delimiter": ""}, "tables.t.delimiter: must be one character"),
        ("a.csv", {"encoding": "utf-7000"}, "tables.t.encoding: 'utf-7000' is no encoding"),
        ("a.csv", {"encoding": "hex"}, "tables.t.encoding: 'hex' is no encoding"),
        ("a.csv", {"longest": "2 MB"}, "tables.t.longest: must be a size such as 64MiB"),
        ("a.csv", {"records": "a"}, "tables.t.records: is for json, and the sources are csv"),
        (
            "a.csv",
            {"header": ["x"], "repeated_header": "skip"},
            "repeated_header: is for files with a header",
        ),
        ("a.csv", {"repeated_header": "drop"}, "repeated_header: 'drop' is none of reject, skip, load"),
        (
            "a.csv",
            {"escape": "\\", "null": "a,b"},
            "tables.t.null: must not hold the delimiter",
        ),
        ("a.csv", {"duplicate_keys": "reject"}, "tables.t.duplicate_keys: is for jsonl, json, bson, and"),
        ("a.jsonl", {"duplicate_keys": "first"}, "duplicate_keys: 'first' is none of last, reject"),
        ("a.parquet", {"allow_empty": True}, "tables.t.allow_empty: is for jsonl, json, csv, tsv, bson, and"),
        ("a.csv", {"allow_empty": "yes"}, "tables.t.allow_empty: must be true or false"),
        ("a.parquet", {"encoding": "utf-8"}, "tables.t.encoding: is for jsonl, json, csv, tsv, and"),
        ("sqlite:///x.db", {"table": "a", "query": "b"}, "tables.t.query: one of `table:` and `query:`"),
        ("sqlite:///x.db", {"format": "csv"}, "tables.t.format: is for files"),
        ("postgresql://u:word@host/d", {}, "tables.t.from: holds a password"),
        ("https://u:word@host/a.csv", {}, "tables.t.from: holds a password"),
    ],
)
def test_a_key_that_means_nothing_is_named(form, source, keys, message):
    with pytest.raises(Refusal) as caught:
        form(source, **keys)
    assert message in str(caught.value)
    assert "word@" not in str(caught.value)
