"""What changes how a value is written or read, pinned in every session of ours, whichever server it is of.

They are options of the connection: they count before what server, database and role are set to, and a RESET
keeps them. The dataset says the time zone and the order of a date; both have a default.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from psycopg2.extensions import make_dsn, parse_dsn

UTC, YMD = "UTC", "YMD"
ORDERS = (YMD, "DMY", "MDY")  # of the parts of a date that is written with numbers only
_ALWAYS = {
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "IntervalStyle": "postgres",
    "lc_monetary": "C",
    "lc_numeric": "C",
    "xmloption": "content",
    "standard_conforming_strings": "on",
}
_WORDS = " ".join(f"-c {name}={value}" for name, value in _ALWAYS.items())
TOLD = ("TimeZone", "DateStyle", "IntervalStyle", "standard_conforming_strings")  # by the server, unasked
_CATALOGUE = "pg_catalog"
_ENVIRONMENT = ("PGTZ", "PGDATESTYLE")  # libpq sends them after the options, so that they would count


def pinned_options(own: str, zone: str = UTC, dates: str = YMD) -> str:
    """Return the options of a connection with all that is pinned behind its own ones, so that it counts."""
    return f"{own} {_WORDS} -c TimeZone={zone} -c DateStyle=ISO,{dates}".strip()


def is_pinned(options: str) -> bool:
    """Return whether options are pinned already."""
    return _WORDS in options


def read_as(dsn: str, zone: str, dates: str) -> str:
    """Return a connection string whose sessions take a time without a zone, and a date, as a dataset says."""
    own = own_options(parse_dsn(dsn).get("options", ""))
    return str(make_dsn(dsn, options=pinned_options(own, zone, dates)))


def own_options(options: str) -> str:
    """Return the options without what is pinned."""
    return options.partition(_WORDS)[0].strip()


def differing(told: Mapping[str, str | None], options: str) -> str:
    """Return which of these settings a server has otherwise than the options say; empty: none."""
    wanted = dict(word.split("=", 1) for word in options.split() if "=" in word)
    for name, found in told.items():
        if (found or "").replace(" ", "").lower() != wanted[name].lower():
            return name
    return ""


def catalogue_first(path: str) -> str:
    """Return a search path in which PostgreSQL's own functions come first; empty: they do.

    A database's owner says where its sessions look. One who names ``pg_catalog`` behind a schema of theirs
    would have a superuser's session call functions of theirs; where it is not named it is the first.
    """
    names = path.split(",")
    own = [name for name in names if name.strip().strip('"').lower() != _CATALOGUE]
    return ",".join(own) or _CATALOGUE if len(own) < len(names) and names[0] in own else ""


def forget_environment() -> None:
    """Take what the account's environment says of time zone and dates out of this process, for good."""
    for name in _ENVIRONMENT:
        os.environ.pop(name, None)
