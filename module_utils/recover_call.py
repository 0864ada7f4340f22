"""From a call of a module to a host that is recovered, where a switch was cut short on it."""

from __future__ import annotations

from typing import Any

from .look_call import host_of, look, running_on
from .runner import Call, Outcome


def recovered(call: Call, *, failed: str = "", serves: bool | None = None) -> Outcome:
    """Recover the host, and say what runs then, and what is on its volume.

    Args:
        call: the call.
        failed: why the run takes its own switch back; empty: whatever is found is brought to its end.
        serves: on a host without the volume: whether there is a production; None: nobody could tell.
    """
    from .reingest.volume.pending_views import views_wait
    from .reingest.window.recovering import recover_window

    host = host_of(call)
    asked = {"failed": failed, "serves": serves, "start": call["start"]}
    found, outcome = recover_window(host, **call.who, **asked, dry=call.check)
    values: dict[str, Any] = {"open": False, "live": outcome.live}
    values |= {"of_run": found.of_run, "ended_by": found.ended_by, "unready": list(outcome.warnings)}
    values["running"] = running_on(host)
    values["views_wait"] = host.volume is not None and views_wait(host.volume)
    failure, warnings = "; ".join(outcome.faults), list(outcome.warnings)
    if call["look"] and host.volume is not None and not failure:
        values["volume"], failure, told = look(call)
        warnings += told
        # A dry run that would first recover cannot tell what is wrong afterwards.
        failure = "" if call.check and outcome.did else failure
    return Outcome(outcome.changed, outcome.did, values, warnings=warnings, failure=failure)
