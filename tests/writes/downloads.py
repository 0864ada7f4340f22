"""Users of the demo portal: they download data objects, and know which downloads were acknowledged.

Some ask the portal, some write into its database. Each download has a name of its own, in the column
``client``, so that every one can be found again.
"""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

import psycopg2

_DONE = 303  # the portal sends the reader back to the page of the data object; any other answer is unknown
_PAUSE_S = 0.1
_INSERT = """
INSERT INTO file_download (data_object_id, client) SELECT id, %s FROM data_object ORDER BY random() LIMIT 1
"""
_FOUND = """
SELECT client FROM file_download
UNION ALL
SELECT row_values[array_position(columns, 'client')] FROM {} WHERE relation = 'public.file_download'
"""
_NO_QUARANTINE = "(SELECT ''::text AS relation, '{}'::text[] AS columns, '{}'::text[] AS row_values) AS q"


@dataclass
class Known:
    """What the users were told."""

    acknowledged: set = field(default_factory=set)
    unknown: set = field(default_factory=set)


class Users:
    """Users that download until they are told to rest."""

    def __init__(self, portal, dsn, seed):
        self.known, self.lock = Known(), threading.Lock()
        self._portal, self._dsn, self._seed = urlsplit(portal), dsn, seed
        self._rest, self._threads, self._round = threading.Event(), [], 0

    def begin(self):
        """Let all of them download."""
        self._rest.clear()
        self._round += 1
        with closing(psycopg2.connect(self._dsn)) as session, session.cursor() as cursor:
            cursor.execute("SELECT id FROM data_object ORDER BY id LIMIT 200")
            objects = [name for (name,) in cursor.fetchall()]
        kinds = (self._visit, self._visit, self._visit, self._write, self._write)
        self._threads = [
            threading.Thread(target=self._work, args=(kind, number, objects), daemon=True)
            for number, kind in enumerate(kinds)
        ]
        for thread in self._threads:
            thread.start()

    def rest(self):
        """Let all of them come to rest; nothing is written afterwards."""
        self._rest.set()
        for thread in self._threads:
            thread.join(60)
            if thread.is_alive():
                raise AssertionError("a user of the portal waits for an answer for more than 60 s")

    def _work(self, kind, number, objects):
        chance = random.Random(f"{self._seed} {self._round} {number}")
        count = 0
        while not self._rest.is_set():
            count += 1
            kind(f"user-{self._round}-{number}-{count}", chance.choice(objects))
            time.sleep(chance.random() * _PAUSE_S)

    def _visit(self, name, data_object):
        sent = False
        try:
            host, port = self._portal.hostname, self._portal.port
            with closing(http.client.HTTPConnection(host, port, timeout=30)) as asks:
                asks.connect()
                sent = True
                asks.request("POST", f"/download/{quote(data_object, safe='')}", headers={"User-Agent": name})
                acknowledged = asks.getresponse().status == _DONE
        except (OSError, http.client.HTTPException):
            acknowledged = False
        if sent:
            self._note(name, acknowledged=acknowledged)

    def _write(self, name, _):
        began = False
        try:
            with closing(psycopg2.connect(self._dsn, connect_timeout=10)) as session:
                with session.cursor() as cursor:
                    cursor.execute(_INSERT, (name,))
                began = True
                session.commit()
        except psycopg2.Error:
            if began:
                self._note(name, acknowledged=False)
            return
        self._note(name, acknowledged=True)

    def _note(self, name, *, acknowledged):
        with self.lock:
            (self.known.acknowledged if acknowledged else self.known.unknown).add(name)


@dataclass(frozen=True)
class Found:
    """What became of all downloads; each of ``lost`` and ``doubled`` is a sentence."""

    lost: list
    doubled: list
    set_aside: int


def look(known, dsn):
    """Compare the database that serves with what the users were told, while all of them rest."""
    with closing(psycopg2.connect(dsn)) as session, session.cursor() as cursor:
        cursor.execute("SELECT to_regclass('reingest.quarantine') IS NOT NULL")
        there = cursor.fetchone()[0]
        cursor.execute("SELECT count(*) FROM reingest.quarantine" if there else "SELECT 0")
        set_aside = cursor.fetchone()[0]
        cursor.execute(_FOUND.format("reingest.quarantine" if there else _NO_QUARANTINE))
        rows = cursor.fetchall()
    found = Counter(name for (name,) in rows if (name or "").startswith("user-"))
    told = known.acknowledged | known.unknown
    lost = [f"{name} was acknowledged and is nowhere" for name in sorted(known.acknowledged - set(found))]
    lost += [f"{name} is there and was never sent" for name in sorted(set(found) - told)]
    doubled = [f"{name} is there {count} times" for name, count in sorted(found.items()) if count > 1]
    return Found(lost, doubled, set_aside)
