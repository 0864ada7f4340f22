"""What was changed behind the reader's back is found, by its column; and a table that is right never is."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg2.extras import execute_values
from tiers import sample

from plugins.module_utils.reingest.dataset.model import Column, Table
from plugins.module_utils.reingest.errors import Refusal
from plugins.module_utils.reingest.load.account import Account
from plugins.module_utils.reingest.load.catalog import read_tables
from plugins.module_utils.reingest.load.other_reader import prove_by_another_reader
from plugins.module_utils.reingest.load.rows import Feed
from plugins.module_utils.reingest.sources.reading import Reading

COLUMNS = {
    "id": "bigint",
    "name": "text",
    "place": "text",
    "depth": "integer",
    "share": "double precision",
    "flag": "boolean",
    "day": "date",
    "at": "timestamptz",
}
ROWS = [
    (
        number,
        f'name, "{number}" with é',
        f"place {number * 7 % 90:02d}" if number % 4 else None,
        number % 50,
        number / 7,
        number % 3 == 0,
        f"2020-01-{number % 28 + 1:02d}",
        f"2020-02-01 10:{number % 60:02d}:00+00",
    )
    for number in range(200)
]


class Proof:
    """A table of a database, its sources, and what another reader says of the two."""

    def __init__(self, server, folder):
        self.server, self.folder = server, folder
        server.rows("DROP DATABASE IF EXISTS injected WITH (FORCE)")
        server.rows("CREATE DATABASE injected")
        self.connection = server.connect("injected")

    def fill(self, rows, columns=COLUMNS):
        """Make the table anew, with these rows."""
        listed = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
        with self.connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS t; CREATE TABLE t ({listed})")
            if rows:
                execute_values(cursor, "INSERT INTO t VALUES %s", rows)

    def change(self, statement):
        with self.connection.cursor() as cursor:
            cursor.execute(statement)
            assert cursor.rowcount > 0

    def run(self, *names, rows, kind="csv", left_out=0, columns=COLUMNS, **reading):
        """Compare the table with files of the folder; ``rows`` were read, so many of them left out."""
        shape = read_tables(self.connection)["t"]
        table = Table("t", "source", names, Reading(format=kind, **reading), columns=tuple(_columns(columns)))
        feed = Feed(table, shape, tuple(self.folder / name for name in names))
        account = Account(rows, 0, 0, left_out, 0)
        found = prove_by_another_reader(
            self.server.dsn("injected"), [feed], {"t": account}, processes=2, folder=self.folder
        )
        return found.compared["t"]


def _columns(columns):
    return [Column(name, (name,)) for name in columns]


@pytest.fixture(scope="module")
def proof(staging, tmp_path_factory):
    made = Proof(staging, tmp_path_factory.mktemp("injected"))
    yield made
    made.connection.close()


def write_csv(path, rows, columns=COLUMNS):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    path.write_bytes(text.getvalue().encode())


@pytest.fixture
def two_files(proof):
    """Return two files that together hold the table's rows."""
    proof.fill(ROWS)
    names = ("first.csv", "second.csv")
    for name, rows in zip(names, (ROWS[:120], ROWS[120:])):
        write_csv(proof.folder / name, rows)
    assert not proof.run(*names, rows=200).not_compared
    return names


WRONG = {
    "a column shifted": ("UPDATE t SET name = place, place = name", "column name: 200 values are not NULL"),
    "columns of one row shifted": (
        "UPDATE t SET depth = id, id = depth WHERE id = 77",
        "column id: sum: 19900 in the sources, 19850 in the table",
    ),
    "a NULL turned into a text": (
        "UPDATE t SET place = 'N' WHERE id = 8",
        "column place: 150 values are not NULL in the sources, 151 in the table",
    ),
    "a text turned into NULL": ("UPDATE t SET place = NULL WHERE id = 9", "column place: 150 values .*, 149"),
    "a row doubled": (
        "INSERT INTO t SELECT * FROM t WHERE id = 5",
        "table t: 200 rows are in the sources, and 201 in the table",
    ),
    "a row doubled for another one": (
        "UPDATE t SET id = 5, name = (SELECT name FROM t WHERE id = 5) WHERE id = 6",
        "column id: sum: 19900 in the sources, 19899 in the table",
    ),
    "a file skipped": (
        "DELETE FROM t WHERE id >= 120",
        "table t: 200 rows are in the sources, and 120 in the table",
    ),
    "a value rounded": ("UPDATE t SET share = round(share::numeric, 6) WHERE id = 100", "column share: sum"),
    "a double that became a real": ("UPDATE t SET share = share::real WHERE id = 3", "column share: sum"),
    "an escape read wrongly": (
        """UPDATE t SET name = replace(name, '"', '""') WHERE id = 1""",
        "column name: bytes: 3690 in the sources, 3692 in the table",
    ),
    "an encoding read wrongly": (
        "UPDATE t SET name = convert_from(convert_to(name, 'UTF8'), 'LATIN1') WHERE id = 1",
        "column name: bytes",
    ),
    "a truth negated": ("UPDATE t SET flag = NOT flag WHERE id = 4", "column flag: true values: 67 .*, 68"),
    "a day earlier": ("UPDATE t SET day = day - 1 WHERE id = 4", "column day: sum of days since 1970"),
    "an hour of summer": (
        "UPDATE t SET at = at + interval '1 hour' WHERE id = 4",
        "column at: sum of seconds",
    ),
    "values in other rows": (
        "UPDATE t SET name = o.name FROM t o WHERE t.id IN (7, 150) AND o.id = 157 - t.id",
        "values stand in other rows than in the sources",
    ),
}


QUICK = (
    "a column shifted",
    "a NULL turned into a text",
    "a row doubled",
    "a value rounded",
    "a file skipped",
    "values in other rows",
)


@pytest.mark.parametrize("what", sample(WRONG, *QUICK))
def test_what_was_changed_is_found(proof, two_files, what):
    statement, message = WRONG[what]
    proof.change(statement)
    with pytest.raises(Refusal, match=message):
        proof.run(*two_files, rows=200)


def test_all_that_differs_is_told_at_once(proof, two_files):
    proof.change("UPDATE t SET flag = true, depth = 1 WHERE id = 4")
    with pytest.raises(Refusal, match=r"column depth: .*; table t, column flag: .*prove: content"):
        proof.run(*two_files, rows=200)


def test_more_than_the_rows_that_were_left_out_is_found(proof, two_files):
    proof.change("DELETE FROM t WHERE id IN (5, 6)")
    assert proof.run(*two_files, rows=200, left_out=2).within == 2
    proof.change("UPDATE t SET place = 'N' WHERE place IS NULL")
    with pytest.raises(Refusal, match="column place: 150 values are not NULL in the sources, 198"):
        proof.run(*two_files, rows=200, left_out=2)


CHANGES = {
    "id": "id + 1",
    "name": "name || ' '",
    "place": "CASE WHEN place IS NULL THEN '' END",
    "depth": "depth + 1",
    "share": "share + 1e-8",
    "flag": "NOT flag",
    "day": "day + 1",
    "at": "at + interval '1 millisecond'",
}


@pytest.mark.full
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(row=st.integers(0, 199), column=st.sampled_from(sorted(CHANGES)))
def test_one_value_that_was_changed_anywhere_is_found_by_its_column(proof, two_files, row, column):
    proof.fill(ROWS)
    proof.change(f"UPDATE t SET {column} = {CHANGES[column]} WHERE id = {row}")
    with pytest.raises(Refusal, match=f"table t, column {column}: "):
        proof.run(*two_files, rows=200)
    proof.fill(ROWS)
    assert proof.run(*two_files, rows=200).differs == {}
