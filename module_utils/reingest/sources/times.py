"""Dates and times that Python's own types cannot hold, as PostgreSQL writes and reads them.

Python counts years from 1 to 9999, PostgreSQL from 4713 before Christ to 294276 (dates to 5874897).
"""

from __future__ import annotations

_DAY_US = 86_400_000_000
_ERA = 146_097  # days of 400 years


def written_date(days: int) -> str:
    """Return a date by its days since 1970-01-01: ``0222-09-04 BC``, ``10183-10-11``."""
    # Years are counted from March, so that the day that not every year has is the last one.
    era, day = divmod(days + 719_468, _ERA)
    of_era = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    day -= 365 * of_era + of_era // 4 - of_era // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5 - 1
    month += 3 if month < 10 else -9
    year = of_era + era * 400 + (month <= 2)
    if year > 0:
        return f"{year:04d}-{month:02d}-{day:02d}"
    return f"{1 - year:04d}-{month:02d}-{day:02d} BC"


def written_time(microseconds: int, zone: str = "") -> str:
    """Return a time by its microseconds since 1970-01-01 00:00 in UTC.

    Args:
        microseconds: the time.
        zone: what stands for UTC behind it; empty for a time without a zone.
    """
    days, rest = divmod(microseconds, _DAY_US)
    date, _, era = written_date(days).partition(" ")
    seconds, fraction = divmod(rest, 1_000_000)
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    if fraction:
        clock += f".{fraction:06d}"
    return f"{date} {clock}{zone}{' ' + era if era else ''}"
