"""What another reader compared, as a result and as sentences of the report."""

from __future__ import annotations

import pytest

from plugins.module_utils.reingest.independent.compare import Compared
from plugins.module_utils.reingest.load.fill import CONTENT, COUNTS
from plugins.module_utils.reingest.load.other_reader import INDEPENDENT, OtherReading, filled_by

READING = OtherReading(
    {"a": Compared({}, {}), "b": Compared({}, {"rest": "it is jsonb"}, within=3)},
    {"c": "DuckDB cannot read it: CSV Error on Line: 2 Original Line: \x1b[2Jgone"},
)


def test_the_report_says_of_each_table_what_was_not_compared():
    assert READING.did()[:3] == [
        "find in 2 tables what another reader (DuckDB) finds in the sources",
        "compare b within the 3 rows that were left out",
        "count only the NULLs of b: rest (it is jsonb)",
    ]
    assert READING.did()[3].startswith("do not compare c with another reader: DuckDB cannot read it")


@pytest.mark.attack
def test_what_a_source_says_by_way_of_duckdb_is_shown_with_every_character():
    assert READING.shown()["c"]["reason"].endswith(r"Original Line: \x1b[2Jgone")


def test_tables_are_filled_as_for_the_proof_of_content():
    assert (filled_by(INDEPENDENT), filled_by(COUNTS)) == (CONTENT, COUNTS)
