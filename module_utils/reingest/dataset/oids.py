"""What the OIDs in a column of a portal-owned table are."""

from __future__ import annotations

LARGE_OBJECT = "large object"  # each names one: it is carried with the row
NUMBER = "number"  # carried as it is, whatever it means
OID_MEANINGS = (LARGE_OBJECT, NUMBER)
