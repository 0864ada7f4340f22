"""The demo's users: they download data objects, and look where their downloads are.

Usage: downloads.py make|show PORTAL DSN.
"""

from __future__ import annotations

import gzip
import json
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import quote
from urllib.request import Request, urlopen

import psycopg2

_RELEASES = Path(__file__).resolve().parent / "data"
_KEPT, _GONE = 4, 2  # downloads of data objects that release 2 has, too, and of those that it has not
_SHOW = """
SELECT id, data_object_id, 'in file_download' FROM file_download
UNION ALL
SELECT row_values[1]::bigint, row_values[2], 'set aside: ' || reason FROM {quarantine}
WHERE relation = 'public.file_download'
ORDER BY 1
"""


def main() -> None:
    """Make downloads, or show what became of each."""
    command, portal, dsn = sys.argv[1:]
    if command == "make":
        make(portal)
    else:
        show(portal, dsn)


def make(portal: str) -> None:
    """Download data objects of release 1 by the portal, some of which release 2 does not have."""
    before, after = (_objects(release) for release in ("r1_2020-07-28", "r2_2021-02-01"))
    chosen = sorted(before & after)[:_KEPT] + sorted(before - after)[:_GONE]
    for name in chosen:
        address = f"{portal}/download/{quote(name, safe='')}"
        request = Request(address, method="POST")  # noqa: S310 - the demo's own address
        with urlopen(request, timeout=10):  # noqa: S310 - the same
            pass
    print(
        f"users of release 1: {len(chosen)} downloads, {_GONE} of data objects that release 2 does not have"
    )


def show(portal: str, dsn: str) -> None:
    """Print each download, and where it is."""
    with urlopen(f"{portal}/health", timeout=10) as reply:  # noqa: S310 - the demo's own address
        release = json.loads(reply.read())["release"]
    with closing(psycopg2.connect(dsn)) as session, session.cursor() as cursor:
        cursor.execute("SELECT to_regclass('reingest.quarantine') IS NOT NULL")
        there = cursor.fetchone()[0]
        nothing = "(SELECT NULL::text[] AS row_values, '' AS reason, '' AS relation WHERE false) AS q"
        cursor.execute(_SHOW.format(quarantine="reingest.quarantine" if there else nothing))
        rows = cursor.fetchall()
    print(f"their downloads, while the portal serves {release}:")
    for number, name, where in rows:
        print(f"  {number:>3}  {name:<44} {where}")


def _objects(release: str) -> set[str]:
    with gzip.open(_RELEASES / release / "data_object_set.jsonl.gz", "rt", encoding="utf-8") as lines:
        return {json.loads(line)["id"] for line in lines}


if __name__ == "__main__":
    main()
