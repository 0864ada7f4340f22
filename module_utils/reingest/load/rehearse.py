"""A load read through without a server: what check mode can tell of the rows."""

from __future__ import annotations

from functools import partial

from .fill import count_rows
from .plan import LoadPlan
from .rejects import RejectPolicy
from .workers import Job, run_parallel


def rehearse(plan: LoadPlan, processes: int) -> dict[str, dict[str, int]]:
    """Read the sources as the load would; touches no server, and writes no rejects.

    Returns:
        by table, the rows ``read``, and those of them that are ``rejected`` before any server sees them, or
        ``filtered``.

    Raises:
        Refusal: a source is not what the dataset says; with file and line.
    """
    policy = RejectPolicy(None, plan.dataset.max_rejects)
    jobs = [
        Job(feed.table.name, plan.weight(feed), partial(count_rows, feed, policy)) for feed in plan.unfilled
    ]
    counted = {
        **{name: vars(table) for name, table in plan.filled.items()},
        **run_parallel(jobs, processes),
    }
    rejected = sum(count["rejected"] for count in counted.values())
    policy.check_whole(rejected, sum(count["read"] - count["filtered"] for count in counted.values()))
    return counted
