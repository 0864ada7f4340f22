"""The benchmark's records: samples of a portal, made from a fixed seed.

The first records of a long run are the records of a short one, so a sample is a prefix. Texts hold commas and
quotes, names beyond ASCII and now and then a line end, so that no reader may cut at any newline.
"""

from __future__ import annotations

import datetime
import random

SEED = 20261123

# One column of the table: its name, its type in PostgreSQL, whether it may be NULL.
COLUMNS = (
    ("id", "text", False),
    ("name", "text", False),
    ("depth_cm", "integer", True),
    ("runs", "integer", False),
    ("file_size_bytes", "bigint", False),
    ("latitude", "double precision", True),
    ("longitude", "double precision", True),
    ("collected", "date", True),
    ("modified", "timestamptz", False),
    ("ecosystem", "text", True),
    ("released", "boolean", False),
)
FIELDS = tuple(name for name, _, _ in COLUMNS)
TABLE = "biosample"

_PLACES = (
    "Toolik",
    "Wrangell",
    "Bäckerön",
    "Niwot",
    "São Tomé",
    "Jornada",
    "北極",
    "Harvard",
    "Łódź",
    "Onaqui",
)
_KINDS = ("soil core", "surface water", "sediment", "rhizosphere", "leaf litter", "permafrost")
_NOTES = (
    ', "wet" plot',
    ', upper "A" horizon, frozen',
    ', replicate "2", reseeded',
    ", south, fenced",
)
_ECOSYSTEMS = ("Terrestrial", "Aquatic", "Plants", "Engineered", "Air", "Fungi")
_DAYS = tuple((datetime.date(2012, 1, 1) + datetime.timedelta(days=day)).isoformat() for day in range(4_000))
_IDS = 1 << 32


def records(count):
    """Yield so many records as tuples in the order of ``FIELDS``; days and times are ISO 8601 texts."""
    draw = random.Random(SEED).random
    for number in range(count):
        name = f"{_PLACES[int(draw() * 10)]} {_KINDS[int(draw() * 6)]} {number}"
        shape = draw()
        if shape < 0.04:
            name += _NOTES[int(shape * 100)]
        elif shape < 0.042:
            name += "\nsecond label"
        sunk, found, seconds = draw(), draw(), int(draw() * 86_400)
        yield (
            # An odd factor maps the numbers onto themselves: each id once, and in no order.
            f"bsm-{number * 2_654_435_761 % _IDS:08x}",
            name,
            int(sunk * 300) if sunk < 0.9 else None,
            1 + int(draw() * draw() * 40),
            int(draw() * draw() * 40_000_000_000),
            round(found * 190 - 90, 5) if found < 0.92 else None,
            round(draw() * 360 - 180, 5) if found < 0.92 else None,
            _DAYS[int(draw() * 4_000)] if sunk > 0.05 else None,
            f"{_DAYS[int(found * 4_000)]}T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}Z",
            _ECOSYSTEMS[int(draw() * 6)] if shape > 0.03 else None,
            draw() < 0.8,
        )


def schema(*, indexes):
    """Return the table's SQL, with a primary key and two secondary indexes or with none."""
    lines = [f"    {name} {kind}{'' if null else ' NOT NULL'}" for name, kind, null in COLUMNS]
    statements = [f"CREATE TABLE {TABLE} (\n" + ",\n".join(lines) + "\n);"]
    if indexes:
        statements += [
            f"ALTER TABLE {TABLE} ADD PRIMARY KEY (id);",
            f"CREATE INDEX {TABLE}_collected ON {TABLE} (collected);",
            f"CREATE INDEX {TABLE}_ecosystem ON {TABLE} (lower(ecosystem), modified) WHERE released;",
        ]
    return "\n".join(statements) + "\n"
