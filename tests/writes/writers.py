"""Writers that hammer a portal's database, and what each was told of its writes.

A writer changes only rows of its own keys, so it knows their last values. A commit whose connection was cut
is *unknown*: all of it is there or none. What failed before its commit must not be there.
"""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import Counter, deque
from contextlib import closing
from dataclasses import dataclass, field

import psycopg2
from psycopg2.extensions import make_dsn

TABLES = ("download", "item", "event", "altered")
OTHER, JOB = "jobs", "job"  # another database, and its table
_DOWNLOAD = (
    "INSERT INTO download (object, key, value) SELECT id, %s, %s FROM object ORDER BY random() LIMIT 1"
)
_ITEMS = "DELETE FROM item WHERE download IN (SELECT id FROM download WHERE key = %s) RETURNING key"
_RECENT = 100
_AGAIN_S = 0.04  # after a connection was cut or refused
Row = tuple  # table and key; its value is a number, None where there is no such row


@dataclass
class Log:
    """What a writer knows."""

    known: dict = field(default_factory=dict)  # Row: the last value that was acknowledged
    unknown: list = field(default_factory=list)  # for each cut commit, by Row: the value before, and after
    acknowledged: int = 0  # rows that were written, changed or deleted, and acknowledged
    cut: int = 0  # the same, unknown
    twice: list = field(default_factory=list)  # rows of which a statement found more than one
    errors: Counter = field(default_factory=Counter)  # by its text, what nobody expected


class Writer:
    """One client of the database; a subclass says what it does."""

    options = ""
    pause_s = 0.03
    user = "postgres"

    def __init__(self, number, dsn, seed, crew):
        self.name, self.dsn, self.crew = f"w{number}", dsn, crew
        self.random = random.Random(f"{seed} {number}")
        self.log, self.lock = Log(), threading.Lock()
        self.keys, self.limbo = 0, set()
        self.recent = deque(maxlen=_RECENT)  # the rows that are changed and deleted
        self.connection = None

    def run(self):
        while self.crew.may_go(self):
            try:
                self.work()
            except psycopg2.Error as error:  # noqa: PERF203 - each may fail
                self._note(error)
                self.leave()
                time.sleep(_AGAIN_S)
        self.leave()

    def work(self):
        """Do one thing, on a connection that stays."""
        if self.connection is None:
            self.connection = self.connect()
        self.act()
        time.sleep(self.random.random() * self.pause_s)

    def connect(self):
        connection = psycopg2.connect(
            self.dsn,
            user=self.user,
            options=self.options,
            application_name=type(self).__name__.lower(),
            connect_timeout=10,
        )
        self.prepare(connection)
        return connection

    def prepare(self, connection):
        """Make a new connection ready."""

    def leave(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def act(self):
        """Insert, change or delete something."""
        act = self.random.choices((self.insert, self.change, self.delete, self.family), (4, 3, 1, 2))[0]
        self.commit(act)

    def commit(self, *acts):
        """Do it all in one transaction, and note what became of it."""
        changes = {}
        with self.connection.cursor() as cursor:
            for act in acts:
                changes.update(act(cursor, changes) or {})
        with self.lock:
            before = {row: self.log.known.get(row) for row in changes}
        try:
            self.connection.commit()
        except psycopg2.Error:
            self.was_cut({row: (before[row], value) for row, value in changes.items()})
            raise
        self.was_done(changes)

    def was_done(self, changes):
        with self.lock:
            self.log.acknowledged += len(changes)
            for row, value in changes.items():
                if row in self.limbo:  # known again
                    self.limbo.discard(row)
                    for cut in self.log.unknown:
                        cut.pop(row, None)
                if value is None:
                    self.log.known.pop(row, None)
                else:
                    self.log.known[row] = value

    def was_cut(self, changes):
        with self.lock:
            if changes:
                self.log.unknown.append(changes)
                self.log.cut += len(changes)
                self.limbo.update(changes)

    def new_row(self, table):
        self.keys += 1
        row = (table, f"{self.name}-{self.keys}")
        if self.keys % 3 == 0:
            self.recent.append(row)
        return row, self.random.randrange(1 << 30)

    def own(self, changes, *tables):
        """Return a row of this writer's that is there, and not in the transaction yet; None where none is."""
        rows = [
            row
            for row in self.recent
            if row[0] in tables and row in self.log.known and row not in self.limbo and row not in changes
        ]
        return self.random.choice(rows) if rows else None

    def insert(self, cursor, changes):
        if self.random.random() < 0.4:
            row, value = self.new_row("event")
            cursor.execute("INSERT INTO event VALUES (%s, %s)", (row[1], value))
            return {row: value}
        row, value = self.new_row("download")
        cursor.execute(_DOWNLOAD, (row[1], value))
        return {row: value}

    def family(self, cursor, changes):
        """Write a parent and its children, which are there together or not at all."""
        parent, value = self.new_row("download")
        cursor.execute(
            f"{_DOWNLOAD} RETURNING id",
            (parent[1], value),
        )
        (id_,) = cursor.fetchone()
        rows = {parent: value}
        for _ in range(self.random.randrange(1, 4)):
            child, value = self.new_row("item")
            cursor.execute(
                "INSERT INTO item (download, key, value) VALUES (%s, %s, %s)", (id_, child[1], value)
            )
            rows[child] = value
        return rows

    def change(self, cursor, changes):
        row = self.own(changes, "download", "item", "event")
        if row is None:
            return {}
        value = self.random.randrange(1 << 30)
        cursor.execute(f"UPDATE {row[0]} SET value = %s WHERE key = %s", (value, row[1]))
        return self.touched(row, cursor.rowcount, value)

    def delete(self, cursor, changes):
        row = self.own(changes, "download", "item", "event")
        if row is None:
            return {}
        rows = {}
        if row[0] == "download":
            cursor.execute(_ITEMS, (row[1],))
            for (key,) in cursor.fetchall():
                rows[("item", key)] = None
        cursor.execute(f"DELETE FROM {row[0]} WHERE key = %s", (row[1],))
        return {**rows, **self.touched(row, cursor.rowcount, None)}

    def touched(self, row, count, value):
        """Return the change of a row: none where it is in quarantine."""
        if count > 1:
            with self.lock:
                self.log.twice.append(row)
        return {row: value} if count else {}

    def _note(self, error):
        gone = (psycopg2.OperationalError, psycopg2.InterfaceError)  # cut, or not let in
        if not isinstance(error, gone):
            with self.lock:
                self.log.errors[f"{type(self).__name__}: {str(error).splitlines()[0]}"] += 1


class Backend(Writer):
    """A client as a portal is one: a connection that stays, short transactions."""


class Long(Writer):
    """Its transactions take a while."""

    def act(self):
        waits = [self.wait if self.random.random() < 0.5 else self.insert for _ in range(4)]
        self.commit(self.insert, *waits, self.change, self.family)

    def wait(self, cursor, changes):
        cursor.execute("SELECT pg_sleep(%s)", (self.random.random() * 0.3,))


class Returning(Writer):
    """A superuser that comes back in a loop, as fast as it can."""

    def work(self):
        try:
            self.connection = self.connect()
            self.act()
        finally:
            self.leave()
        time.sleep(self.random.random() * self.pause_s)


class Clerk(Writer):
    """A role that may only read, and sets itself read-write."""

    user = "clerk"

    def prepare(self, connection):
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE")
        connection.commit()


class Courier(Returning):
    """The same, in another database, which is carried whole."""

    def __init__(self, number, dsn, seed, crew):
        super().__init__(number, dsn, seed, crew)
        self.dsn = make_dsn(dsn, dbname=OTHER)

    def act(self):
        self.commit(self.insert, *self.random.choices((self.insert, self.change, self.delete), k=2))

    def insert(self, cursor, changes):
        row, value = self.new_row(JOB)
        cursor.execute("INSERT INTO job VALUES (%s, %s)", (row[1], value))
        return {row: value}

    def change(self, cursor, changes):
        row = self.own(changes, JOB)
        if row is None:
            return {}
        value = self.random.randrange(1 << 30)
        cursor.execute("UPDATE job SET value = %s WHERE key = %s", (value, row[1]))
        return self.touched(row, cursor.rowcount, value)

    def delete(self, cursor, changes):
        row = self.own(changes, JOB)
        if row is None:
            return {}
        cursor.execute("DELETE FROM job WHERE key = %s", (row[1],))
        return self.touched(row, cursor.rowcount, None)


class Slow(Writer):
    """Its sessions write a second after they were let in."""

    options = "-c post_auth_delay=1"

    def work(self):
        super().work()
        if self.random.random() < 0.05:
            self.leave()


class Definer(Writer):
    """Changes the definition of its own table, and makes and drops others, beside its rows."""

    pause_s = 0.04

    def act(self):
        self.commit(self.define, self.insert, self.insert)

    def insert(self, cursor, changes):
        row, value = self.new_row("altered")
        cursor.execute("INSERT INTO altered VALUES (%s, %s)", (row[1], value))
        return {row: value}

    def define(self, cursor, changes):
        number = self.random.randrange(1000)
        statement = self.random.choice(
            (
                f"ALTER TABLE altered ALTER COLUMN value SET DEFAULT {number}",
                "CREATE INDEX IF NOT EXISTS altered_key ON altered (key)",
                "DROP INDEX IF EXISTS altered_key",
                f"CREATE TABLE IF NOT EXISTS scratch AS SELECT {number} AS n",
                "DROP TABLE IF EXISTS scratch",
                "TRUNCATE altered",
            )
        )
        cursor.execute(statement)
        if statement.startswith("TRUNCATE"):
            return dict.fromkeys({*self.log.known, *self.limbo})
        return {}


class Visitor(Writer):
    """Writes through the portal."""

    def __init__(self, number, port, seed, crew):
        super().__init__(number, "", seed, crew)
        self.port = port

    def work(self):
        row, value = self.new_row("event")
        sent = False
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as portal:
                portal.connect()
                sent = True
                portal.request("POST", f"/event/{row[1]}/{value}")
                status = portal.getresponse().status
        except (OSError, http.client.HTTPException):
            if sent:
                self.was_cut({row: (None, value)})
            time.sleep(_AGAIN_S)
            return
        if status == 201:
            self.was_done({row: value})
        elif status != 503:  # refused: it says that nothing was written
            self.was_cut({row: (None, value)})
        time.sleep(self.random.random() * self.pause_s)
