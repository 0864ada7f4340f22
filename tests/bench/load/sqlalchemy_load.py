"""Load the CSV file as a portal's own loader does: SQLAlchemy Core or ORM, a thousand rows at a time.

Usage: sqlalchemy_load.py core|orm FILE URL. Prints the seconds, without those that Python needs to start.
"""

from __future__ import annotations

import csv
import datetime
import sys
import time
from itertools import islice
from pathlib import Path

import sqlalchemy
from sqlalchemy.orm import DeclarativeBase, Session

BATCH = 1_000


class Base(DeclarativeBase):
    """The portal's tables."""


class Biosample(Base):
    """A row of the benchmark's table."""

    __tablename__ = "biosample"
    id = sqlalchemy.Column(sqlalchemy.Text, primary_key=True)
    name = sqlalchemy.Column(sqlalchemy.Text, nullable=False)
    depth_cm = sqlalchemy.Column(sqlalchemy.Integer)
    runs = sqlalchemy.Column(sqlalchemy.Integer, nullable=False)
    file_size_bytes = sqlalchemy.Column(sqlalchemy.BigInteger, nullable=False)
    latitude = sqlalchemy.Column(sqlalchemy.Double)
    longitude = sqlalchemy.Column(sqlalchemy.Double)
    collected = sqlalchemy.Column(sqlalchemy.Date)
    modified = sqlalchemy.Column(sqlalchemy.DateTime(timezone=True), nullable=False)
    ecosystem = sqlalchemy.Column(sqlalchemy.Text)
    released = sqlalchemy.Column(sqlalchemy.Boolean, nullable=False)


_READ = {
    "depth_cm": int,
    "runs": int,
    "file_size_bytes": int,
    "latitude": float,
    "longitude": float,
    "collected": datetime.date.fromisoformat,
    "modified": lambda text: datetime.datetime.fromisoformat(text.replace("Z", "+00:00")),
    "released": lambda text: text == "true",
}


def read(path):
    """Yield each record as typed values by name."""
    with Path(path).open(encoding="utf-8", newline="") as stream:
        for record in csv.DictReader(stream):
            yield {name: _READ.get(name, str)(text) if text else None for name, text in record.items()}


def load_core(engine, rows):
    with engine.begin() as connection:
        while batch := list(islice(rows, BATCH)):
            connection.execute(sqlalchemy.insert(Biosample), batch)


def load_orm(engine, rows):
    with Session(engine) as session:
        while batch := list(islice(rows, BATCH)):
            for record in batch:
                session.add(Biosample(**record))
            session.commit()


if __name__ == "__main__":
    way, path, url = sys.argv[1:]
    engine = sqlalchemy.create_engine(url.replace("postgresql:", "postgresql+psycopg2:"))
    began = time.monotonic()
    {"core": load_core, "orm": load_orm}[way](engine, read(path))
    print(time.monotonic() - began)
