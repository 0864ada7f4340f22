"""Compare the database that serves with the writers' logs."""

from __future__ import annotations

from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field

import psycopg2
from psycopg2.extensions import make_dsn
from writes.writers import JOB, OTHER, TABLES


@dataclass
class Verdict:
    """What was found; each of ``lost`` and ``doubled`` is a sentence."""

    lost: list = field(default_factory=list)
    doubled: list = field(default_factory=list)
    settled: dict = field(default_factory=dict)  # what the unknown rows were found to be
    set_aside: int = 0

    @property
    def sound(self):
        return not (self.lost or self.doubled)


def rows_of(dsn, *, jobs=False):
    """Return all values by row, those in quarantine included, and how many of them are there.

    Args:
        dsn: the portal's database.
        jobs: whether there is another one, whose rows count, too.
    """
    found = defaultdict(list)
    with closing(psycopg2.connect(dsn)) as session, session.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT key, value FROM {table}")
            for key, value in cursor.fetchall():
                found[table, key].append(value)
        cursor.execute("SELECT to_regclass('reingest.quarantine') IS NOT NULL")
        aside = []
        if cursor.fetchone()[0]:
            cursor.execute("SELECT relation, columns, row_values FROM reingest.quarantine")
            aside = cursor.fetchall()
    if jobs:
        with closing(psycopg2.connect(make_dsn(dsn, dbname=OTHER))) as session, session.cursor() as cursor:
            cursor.execute("SELECT key, value FROM job")
            for key, value in cursor.fetchall():
                found[JOB, key].append(value)
    for relation, columns, values in aside:
        row = dict(zip(columns, values))
        found[relation.rpartition(".")[2], row["key"]].append(int(row["value"]))
    return found, len(aside)


def check(log, dsn, *, jobs=False):
    """Return what became of every write."""
    found, set_aside = rows_of(dsn, jobs=jobs)
    verdict = Verdict(set_aside=set_aside)
    verdict.doubled += [
        f"{row} is there {len(values)} times: {values}" for row, values in found.items() if values[1:]
    ]
    verdict.doubled += [f"{row} was there more than once" for row in log.twice]
    _settle(verdict, found, log.unknown)
    for row, value in log.known.items():
        if row not in verdict.settled and value not in found.get(row, ()):
            verdict.lost.append(f"{row} is {value}, and {found.get(row) or 'nothing'} is there")
    verdict.lost += [
        f"{row}: {values} is there, which was deleted or never committed"
        for row, values in found.items()
        if row not in log.known and row not in verdict.settled
    ]
    return verdict


def _settle(verdict, found, unknown):
    """Find out what cut commits did: each did all or nothing, unless a later one was about the same row."""
    values = defaultdict(list)
    for changes in unknown:
        for row, (before, after) in changes.items():
            values[row] += [before, after]
    there = {row: found[row][0] if found.get(row) else None for row in values}
    for row, allowed in values.items():
        if there[row] not in allowed:
            verdict.lost.append(f"{row} is one of {allowed}, and {there[row]} is there")
    for changes in unknown:
        once = {row: states for row, states in changes.items() if len(values[row]) == 2}
        if not any(all(there[row] == states[end] for row, states in once.items()) for end in (0, 1)):
            verdict.lost.append(f"of one transaction only a part is there: {changes}; there is {there}")
    verdict.settled.update(there)
