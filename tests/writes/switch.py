"""A switch as ``roles/switchover`` makes it, module by module; what an operator does after one that died."""

from __future__ import annotations

from crash.module import claim, release

from plugins.module_utils.reingest.volume.layout import Volume
from plugins.module_utils.reingest.volume.lock import holder

INGEST, ROLLBACK, PROMOTE = "ingest", "rollback", "promote"


class Switch:
    """One run; ``copied``: its load is in an ``ingest/`` that no rename leaves."""

    def __init__(self, place, run, kind, snapshot, *, copied=False):
        self.place, self.run, self.kind, self.snapshot = place, run, kind, snapshot
        self.copied = copied

    def steps(self):
        """Give each module's call in order; takes its answer.

        Before the window nothing was touched; ``Open the window`` is the first whose failure is undone.
        """
        place, run = self.place, self.run
        held = holder(Volume(place.volume))
        yield "Claim", claim(run, take_over=held.run if held else "")
        if self.copied:
            servers = {"production_dsn": place.dsn(), "staging_dsn": place.dsn(place.staging_port)}
            yield "Lift", place.verb("carry_over", run, state="lifted", **servers)
            wanted = {"snapshot": self.snapshot}
            copy = (yield "Plan the copy", place.verb("snapshot_copy", run, plan_only=True, **wanted)).result
            if copy["needed"] and copy["stands"]:
                yield (
                    "Fence",
                    place.verb("carry_over", run, state="fenced", **servers, drain=0.2, give_up=20),
                )
            if copy["needed"]:
                yield "Stop the staging server", place.group(run, place.staging, "stopped")
                yield "Copy", place.verb("snapshot_copy", run, **wanted)
        promotion = {
            "kind": self.kind,
            "snapshot": self.snapshot,
            "loaded": self.snapshot if self.kind == INGEST else "",
            "why": "the search finds nothing" if self.kind == ROLLBACK else "",
            "force": True,  # an earlier undo may have marked it as bad
        }
        planned = (yield "Plan", place.verb("snapshot_promote", run, plan_only=True, **promotion)).result
        promotion["snapshot"] = planned["snapshot"]
        rows = {
            "state": "taken" if planned["apart"] else "carried",
            "production_dsn": place.dsn(),
            "staging_dsn": place.dsn(place.staging_port),
            "snapshot": planned["snapshot"],
            "drain": 0.2,
            "give_up": 20,
        }
        yield "Survey", place.verb("carry_over", run, plan_only=True, **rows)
        window = {"snapshot": planned["snapshot"], "previous": planned["previous"], "login": place.dsn()}
        yield (
            "Open the window",
            place.verb("switch_window", run, state="opened", **window, **_services(place)),
        )
        inside = {"window": True}
        if place.writers:
            yield "Stop the writers", place.group(run, place.writers, "stopped", **inside)
        yield "Carry", place.verb("carry_over", run, **rows, **inside)
        servers = [*place.production, *place.staging]
        yield "Stop the servers", place.group(run, servers, "stopped", **inside)
        yield "Promote", place.verb("snapshot_promote", run, **promotion, **inside)
        yield "Start production", place.group(run, place.production, "started", **inside)
        if planned["apart"]:
            yield "Give back", place.verb("carry_over", run, **{**rows, "state": "opened"}, **inside)
        if place.writers:
            yield "Start the writers", place.group(run, place.writers, "started", **inside)
        yield "Start the rest", place.group(run, place.services, "started", **inside)
        yield "Close the window", place.verb("switch_window", run, state="closed")
        yield "Release", release(run)


def undo(place, run, why):
    """Return the rescue of a run that lives."""
    return place.verb("switch_window", run, state="recovered", failed=why, **_recovery(place))


def recover(place, run):
    """Return the calls of recover.yml."""
    held = holder(Volume(place.volume))
    return [
        claim(run, take_over=held.run if held else ""),
        place.verb(
            "switch_window",
            run,
            state="recovered",
            start=True,
            staging_login=place.dsn(place.staging_port),
            **_recovery(place),
        ),
        release(run),
    ]


def _services(place):
    return {"production": place.production, "staging": place.staging, "writers": place.writers}


def _recovery(place):
    return {**_services(place), "login": place.dsn()}
