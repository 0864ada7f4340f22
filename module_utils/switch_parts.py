"""The steps that a switch makes on the host of the volume: what each is called, needs and does."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from .carry_call import CARRIES
from .hold_call import hold_clients, release_clients
from .promote_call import PROMOTES
from .reingest.errors import Refusal
from .runner import Call, Outcome, Verb
from .services_call import brought

_SERVICES = ("production", "staging", "writers")


@dataclass(frozen=True)
class Part:
    """One step of a switch on one host."""

    title: str  # as the window's record and the message of a failure name it
    verb: Verb
    own: Callable[[Call], Mapping[str, Any]]  # the options of its verb that are not the call's own
    wanted: Callable[[Call], bool] = lambda _: True

    def call(self, whole: Call) -> Call:
        """Return the call of this step alone."""
        return replace(whole, params={**whole.params, "plan_only": False, **self.own(whole)})


def load_code(call: Call) -> None:
    """Import all that the steps need, before the portal is away: a host's Python compiles it anew."""
    from .reingest.carry import untouched  # noqa: F401 - here and below: for whoever imports it later
    from .reingest.engines.registry import load_engines
    from .reingest.services import early  # noqa: F401

    load_engines()
    health = [service["health"] or {} for name in _SERVICES for service in call[name]]
    if any(one.get("http") for one in health):
        import urllib.error
        import urllib.request  # noqa: F401
    if any(one.get("postgresql") for one in health):
        from .reingest.postgres import dsn  # noqa: F401
    if call["poolers"]:
        from .reingest.poolers import hold, keeper, login  # noqa: F401
    if call["rows"] or call["opens"]:
        from .reingest.carry import carry_over, give_back, survey, take  # noqa: F401


def prepare_stops(call: Call, parts: Collection[str]) -> None:
    """Do what of the stops can be done before the portal is away."""
    stops = {"stop_writers": ("writers",), "stop_servers": ("production", "staging")}
    from .reingest.engines.model import service_from
    from .reingest.engines.registry import engine_of

    engine = engine_of(call["engine"], call.records)
    for service in (one for part in stops.keys() & parts for name in stops[part] for one in call[name]):
        with suppress(Refusal):  # the stop tells
            engine.prepare_stop(service_from(service))


def _early(call: Call) -> list[Any]:
    """Return the writers that are started together with production, since they wait for it by themselves."""
    return [] if call["poolers"] else [one for one in call["writers"] if one["waits_for_database"]]


def _start_production(call: Call) -> Outcome:
    """Start production, and beside it those writers; when it is their turn, they are waited for."""
    if call.check or not _early(call):
        return brought(call)
    from .reingest.engines.model import service_from
    from .reingest.engines.registry import engine_of
    from .reingest.services.early import starting

    with starting(engine_of(call["engine"], call.records), map(service_from, _early(call))):
        return brought(call)


def _clients(title: str, act: Callable[[Call], Outcome]) -> Part:
    return Part(
        title,
        Verb(act, stage="switch", claims=False),
        own=lambda _: {},
        wanted=lambda call: bool(call["poolers"]),
    )


def _group(
    title: str,
    names: tuple[str, ...],
    state: str,
    *,
    act: Callable[[Call], Outcome] = brought,
    unless_held: bool = False,
    announces: bool = False,
) -> Part:
    """Return a step of services.

    ``announces``: once they are up, the maintenance answer is taken away; some of them may be begun already.
    """

    def services(call: Call) -> list[Any]:
        return [service for name in names for service in call[name]]

    return Part(
        title,
        Verb(act, stage="switch", claims=False),
        own=lambda call: {
            "services": services(call),
            "state": state,
            "maintenance_off": call["maintenance_off"] if announces else [],
            "begun": [one["name"] for one in _early(call)] if announces else [],
        },
        wanted=lambda call: bool(services(call)) and not (unless_held and call["poolers"]),
    )


PARTS: Mapping[str, Part] = {
    "stop_writers": _group("Stop the writers", ("writers",), "stopped", unless_held=True),
    "hold_clients": _clients("Hold the clients", hold_clients),
    "carry_rows": Part(
        "Carry the users' rows over",
        CARRIES,
        own=lambda call: {"state": call["rows"]},
        wanted=lambda call: bool(call["rows"]),
    ),
    "stop_servers": _group("Stop the servers", ("production", "staging"), "stopped"),
    "promote": Part(
        "Promote the snapshot",
        PROMOTES,
        own=lambda _: {"by_release": False, "accept": []},
    ),
    "start_production": _group("Start production", ("production",), "started", act=_start_production),
    "open_rows": Part(
        "Give the earlier snapshot the users' rows, and open it",
        CARRIES,
        own=lambda _: {"state": "opened"},
        wanted=lambda call: bool(call["opens"]),
    ),
    "release_clients": _clients("Let the clients go on", release_clients),
    "start_writers": _group("Start the writers", ("writers",), "started", announces=True),
}
