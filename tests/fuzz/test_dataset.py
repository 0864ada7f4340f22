"""dataset.yml: whatever it says, it is a dataset or refused with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hostile import changed, fed
from hypothesis import strategies as st

from plugins.module_utils.reingest.dataset.parse import parse_dataset
from plugins.module_utils.reingest.errors import Refusal

DEMO = yaml.safe_load((Path(__file__).parents[2] / "demo/dataset.yml").read_text())
SMALL = {
    "database": "d",
    "schema": "s.sql",
    "sources": "data",
    "release": "r1",
    "transform": ["a.sql"],
    "on_reject": "fail",
    "views": {"m": "unpopulated", "n": "after_switch"},
    "objects": [{"kind": "view", "name": "public.*", "do": "carry"}],
    "checks": {"shrink": "5%", "growth": "any", "sql": [{"name": "n", "query": "select 1", "expect": 1}]},
    "tables": {
        "t": {
            "owner": "source",
            "from": ["a.jsonl"],
            "each": "x",
            "where": {"a.b": [1, None]},
            "columns": {"id": "id", "n": {"path": ["a", "b"], "optional": True}, "rest": "*"},
            "duplicates": "drop",
            "required": True,
            "lost": "10%",
            "profile": {"id": {"range": "any"}, "n": False},
            "on_reject": "quarantine",
            "max_rejects": "1%",
        },
        "c": {
            "owner": "source",
            "from": "b.csv",
            "delimiter": ";",
            "header": 0,
            "names": ["a"],
            "skip": 1,
            "encoding": "latin-1",
            "longest": "64MiB",
            "null": "-",
            "quote": "",
            "escape": "",
        },
        "u": {"owner": "portal", "orphans": "drop"},
        "v": {"owner": "schema"},
    },
}
WORDS = (
    "[|]|{|}|:|-|?|&|*|<<|~|'|\"|&a|*a|<<:|!!binary|!!python/name:os|!!int|!!float|!!timestamp|!!set|!!omap|"
    "0x|0b|1:9|2026-99-99|.inf|database: |tables: |%YAML 9\n|---\n|\\u|: |, |- | |\n|\n  |\t|\0|\ufeff"
)
PIECES = st.sampled_from([*WORDS.split("|"), "|", "9" * 5000])


@fed(changed([SMALL, SMALL, DEMO]))
def test_a_dataset_with_something_wrong_in_it_is_refused(folder, only, document):
    with only(yaml.YAMLError, UnicodeEncodeError):
        (folder / "dataset.yml").write_text(yaml.safe_dump(document, allow_unicode=True))
        with only(Refusal):
            parse_dataset(folder / "dataset.yml")


@fed(st.lists(PIECES | st.text(max_size=3), max_size=30).map("".join))
def test_a_file_of_pieces_of_yaml_is_refused(folder, only, text):
    (folder / "dataset.yml").write_bytes(text.encode("utf-8", "replace"))
    with only(Refusal):
        parse_dataset(folder / "dataset.yml")


@pytest.mark.attack
@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{a: " * 100_000,
        "- " * 50_000,
        "a: " + "9" * 5000,
        "a: 0x" + "f" * 5000,
        "a: 2026-99-99",
        "a: !!int x",
        "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 40)),
        "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40)),
        "a: &a {b: *a}",
        "!!binary ''",
        "checks: {sql: [{name: n, query: q, expect: [1]}]}\n"
        "database: d\nschema: s\ntables: {u: {owner: portal}}",
    ],
    ids=lambda text: repr(text[:14]),
)
def test_a_file_that_is_made_to_choke_on_is_refused_at_once(tmp_path, only, text):
    (tmp_path / "dataset.yml").write_text(text)
    with pytest.raises(Refusal), only():
        parse_dataset(tmp_path / "dataset.yml")
