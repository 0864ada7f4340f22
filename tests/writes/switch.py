"""A switch as ``roles/switchover`` makes it, module by module; what an operator does after one that died."""

from __future__ import annotations

from crash.module import claim, release

from plugins.module_utils.reingest.volume.layout import Volume
from plugins.module_utils.reingest.volume.lock import holder
from plugins.module_utils.switch_parts import PARTS

INGEST, ROLLBACK, PROMOTE = "ingest", "rollback", "promote"
TOGETHER = "Switch"
# Its steps, as the window's record names them, and as they are named where each is a call.
TITLES = {
    "Stop the writers": "Stop the writers",
    "Carry the users' rows over": "Carry",
    "Stop the servers": "Stop the servers",
    "Promote the snapshot": "Promote",
    "Start production": "Start production",
    "Give the earlier snapshot the users' rows, and open it": "Give back",
    "Start the writers": "Start the writers",
}


class Switch:
    """One run; ``copied``: its load is in an ``ingest/`` that no rename leaves.

    ``together``: the host makes its steps in one call, as in the role; else each is a call, to stop after it.
    """

    def __init__(self, place, run, kind, snapshot, *, copied=False, together=False):
        self.place, self.run, self.kind, self.snapshot = place, run, kind, snapshot
        self.copied, self.together = copied, together

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
            place.verb(
                "switch_window", run, state="opened", **window, **_services(place), poolers=place.poolers
            ),
        )
        if self.together:
            yield TOGETHER, self._together(promotion, rows, opens=planned["apart"])
        else:
            yield from self._one_by_one(promotion, rows, opens=planned["apart"])
        yield "Start the rest", place.group(run, place.services, "started", window=True)
        yield "Close the window", place.verb("switch_window", run, state="closed")
        yield "Release", release(run)

    def _together(self, promotion, rows, *, opens):
        own = {name: value for name, value in rows.items() if name not in ("state", "snapshot")}
        given = {**promotion, **own, **_services(self.place), "rows": rows["state"], "opens": opens}
        given["poolers"] = self.place.poolers
        return self.place.verb("switch_steps", self.run, steps=list(PARTS), window=True, **given)

    def _one_by_one(self, promotion, rows, *, opens):
        place, run, inside = self.place, self.run, {"window": True}
        if place.writers:
            yield "Stop the writers", place.group(run, place.writers, "stopped", **inside)
        yield "Carry", place.verb("carry_over", run, **rows, **inside)
        servers = [*place.production, *place.staging]
        yield "Stop the servers", place.group(run, servers, "stopped", **inside)
        yield "Promote", place.verb("snapshot_promote", run, **promotion, **inside)
        yield "Start production", place.group(run, place.production, "started", **inside)
        if opens:
            yield "Give back", place.verb("carry_over", run, **{**rows, "state": "opened"}, **inside)
        if place.writers:
            yield "Start the writers", place.group(run, place.writers, "started", **inside)


def undo(place, run, why):
    """Return the rescue of a run that lives."""
    return place.verb("switch_window", run, state="recovered", failed=why, **_recovery(place))


def recover(place, run):
    """Return the calls of recover.yml."""
    held = holder(Volume(place.volume))
    return [
        claim(run, take_over=held.run if held else ""),
        place.verb("switch_window", run, state="recovered", start=True, **_recovery(place)),
        place.verb(
            "carry_over",
            run,
            state="lifted",
            production_dsn=place.dsn(),
            staging_dsn=place.dsn(place.staging_port),
        ),
        release(run),
    ]


def _services(place):
    return {"production": place.production, "staging": place.staging, "writers": place.writers}


def _recovery(place):
    return {**_services(place), "login": place.dsn(), "poolers": place.poolers}
