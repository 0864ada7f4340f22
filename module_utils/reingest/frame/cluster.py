"""What of production's cluster, beside the portal's database, a switch would lose or break."""

from __future__ import annotations

from collections.abc import Collection

from .databases import other_databases, undeclared
from .finding import Finding
from .outside import outside_findings


def cluster_findings(dsn: str, database: str, declared: Collection[str], file: str) -> tuple[Finding, ...]:
    """Return all of it, each by its name; reads only.

    Args:
        dsn: a login to production.
        database: the portal's.
        declared: the other databases that the dataset declares.
        file: the dataset's, for messages.

    Raises:
        Refusal: production does not answer.
    """
    return (*undeclared(other_databases(dsn, database), declared, file), *outside_findings(dsn))
