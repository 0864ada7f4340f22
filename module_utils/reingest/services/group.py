"""Stop or start a list of services in parallel, and wait until each is stopped or healthy."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from ..disclosure.secrets import masked, secret_texts, secrets_in
from ..engines.model import POSTGRESQL, PROBE, Engine, Service
from ..errors import Refusal
from ..postgres.control import read_control
from ..postgres.ready import why_not_ready
from . import health
from .alone import clear_remnant, refuse_unsafe_start

STARTED = "started"
STOPPED = "stopped"
RESTARTED = "restarted"
HEALTHY = "healthy"
KILLED = "killed"
_POLL_S = 0.01
_LOOK_S = 0.03  # at what the engine says: its own check comes once a second, and asking it costs more
_ANSWER_S = 2.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class GroupPlan:
    """Which services are to be acted on, and which are as wanted."""

    state: str
    act: tuple[Service, ...]
    running: tuple[str, ...]
    services: tuple[Service, ...]

    @property
    def changed(self) -> bool:
        """Whether a service is to be acted on."""
        return bool(self.act)

    def did(self) -> list[str]:
        """Return one sentence for each service that is acted on, or that has to prove itself healthy."""
        if self.state == HEALTHY:
            return [f"prove that {service.name} {_proof(service)}" for service in self.services]
        return [self._sentence(service) for service in self.act]

    def diff(self) -> dict[str, str]:
        """Return each service's state before and after."""
        before, after = "", ""
        wanted = "stopped" if self.state == STOPPED else "running"
        for service in self.services:
            if service.kind == PROBE:
                continue
            now = "running" if service.name in self.running else "stopped"
            before += f"{service.name}: {now}{', may restart' if self._settles(service) else ''}\n"
            after += f"{service.name}: {wanted if service in self.act else now}\n"
        return {"before": before, "after": after}

    def _settles(self, service: Service) -> bool:
        """Whether it is stopped as wanted, and only has to stay so."""
        return service in self.act and self.state == STOPPED and service.name not in self.running

    def _sentence(self, service: Service) -> str:
        if self.state == STOPPED:
            return f"keep {service.name} stopped" if self._settles(service) else f"stop {service.name}"
        if service.name in self.running:
            again = self.state == RESTARTED
            return f"restart {service.name}" if again else f"give {service.name} its restart policy back"
        return f"start {service.name}"


def _proof(service: Service) -> str:
    told = ", ".join(f"{key} {value}" for key, value in service.health.json.items())
    return f"serves {told}" if told else "answers"


def plan_group(
    engine: Engine, services: Sequence[Service], state: str, *, assume: Mapping[str, str] | None = None
) -> GroupPlan:
    """Decide which services must be acted on.

    Args:
        engine: what runs them.
        services: the services.
        state: what is wanted.
        assume: check mode: by service name the state, ``started`` or ``stopped``, that an earlier step of
            the run brings the service into.

    Raises:
        Refusal: with every fault of the services' definitions.
    """
    own = [service for service in services if service.kind != PROBE]
    faults = definition_faults(services, state)
    faults += [fault for service in own for fault in engine.faults(service)]
    if not faults:
        faults = engine.group_faults(own)
    if faults:
        raise Refusal("; ".join(faults))
    known = dict(assume or {})
    real = [service for service in own if service.name not in known]
    running = {service.name for service in real if engine.running(service)}
    running |= {service.name for service in own if known.get(service.name) == STARTED}
    act: list[Service] = []
    if state == STARTED:
        act = [one for one in own if one.name not in running or (one in real and engine.held(one))]
    elif state == RESTARTED:
        act = own
    elif state == STOPPED:
        act = [one for one in own if one.name in running or (one in real and engine.returns(one))]
    return GroupPlan(state, tuple(act), tuple(sorted(running)), tuple(services))


def apply_group(
    engine: Engine, plan: GroupPlan, *, stop_timeout: float, start_timeout: float, exclusive: bool = False
) -> dict[str, dict[str, float]]:
    """Act on all services at once and wait for each.

    Args:
        engine: what runs them.
        plan: what was planned.
        stop_timeout: seconds for each to end.
        start_timeout: seconds for each to get healthy.
        exclusive: whether the data directories are declared to be nobody else's, where that cannot be seen.

    Returns:
        How many seconds each service that was acted on took, by what it was (``started``, ``stopped``, and
        ``killed``: it had so many seconds to end).

    Raises:
        Refusal: with what went wrong for every service that did not get there.
    """
    took: dict[str, dict[str, float]] = {}
    stopping = plan.act if plan.state == STOPPED else ()
    if plan.state == RESTARTED:
        stopping = tuple(service for service in plan.act if service.name in plan.running)
    stop = partial(_stop, engine, took, stop_timeout)
    _each(stopping, _timed(took, STOPPED, stopping, stop))
    if plan.state in (STARTED, RESTARTED):
        for service in plan.act:
            if service in stopping or service.name not in plan.running:
                refuse_unsafe_start(service, exclusive=exclusive, own=engine.containers(service))
                clear_remnant(service)
        start = partial(_start, engine, plan.act, start_timeout)
        _each(plan.services, _timed(took, STARTED, plan.act, start))
    elif plan.state == HEALTHY:
        _each(plan.services, lambda service: _wait_healthy(engine, service, start_timeout))
    return took


def definition_faults(services: Sequence[Service], state: str) -> list[str]:
    """Return what is wrong with the definitions of services that are brought into a state."""
    faults = []
    names = [service.name for service in services]
    for service in services:
        if not _NAME.fullmatch(service.name):
            faults.append(f"{service.name!r} is not the name of a service: letters, digits and _ . - only")
        if service.linked and service.data is None:
            faults.append(f"service {service.name} is linked, but names no data directory: add data")
        if service.kind == PROBE:
            if state != HEALTHY:
                faults.append(
                    f"{service.name} is a probe, nothing to be {state}: it can only be waited for (state: "
                    "healthy)"
                )
            if not (service.health.tcp or service.health.http or service.health.postgresql):
                faults.append(
                    f"probe {service.name} has no address to ask: add tcp, http or postgresql to its health"
                )
    faults += [
        f"service {name} is listed twice" for name in sorted({one for one in names if names.count(one) > 1})
    ]
    return faults


def _stop(engine: Engine, took: dict[str, dict[str, float]], timeout: float, service: Service) -> None:
    stopped = engine.stop(service, timeout)
    if stopped.killed:
        took.setdefault(KILLED, {})[service.name] = timeout
    if service.kind != POSTGRESQL or stopped.code is None:
        return
    if stopped.code != 0:
        raise Refusal(
            f"{service.name} ended with exit code {stopped.code}, not in order; start it and stop it again "
            f"before anything is moved: {engine.last_words(service)}"
        )
    if service.data is None:
        return
    control = read_control(service.place)
    if not control.clean:
        raise Refusal(
            f"{service.name} ended, but {service.data} is not shut down cleanly (pg_control says: "
            f"{control.state}): look whether the server works in another directory"
        )


def _timed(
    took: dict[str, dict[str, float]], state: str, acted: Sequence[Service], act: Callable[[Service], None]
) -> Callable[[Service], None]:
    """Return what does the same, and writes down how long it took for those that are acted on."""

    def timed(service: Service) -> None:
        began = time.monotonic()
        act(service)
        if service in acted:
            took.setdefault(state, {})[service.name] = round(time.monotonic() - began, 2)

    return timed


def _start(engine: Engine, acted: Sequence[Service], timeout: float, service: Service) -> None:
    if service in acted:
        engine.start(service)
    _wait_healthy(engine, service, timeout)


def _wait_healthy(engine: Engine, service: Service, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    reason = unhealthy(engine, service)
    while reason:
        if time.monotonic() > deadline:
            raise Refusal(
                f"{service.name} is not healthy after {timeout:.0f} s: {reason}{last_words(engine, service)}"
            )
        time.sleep(_LOOK_S if service.health.container else _POLL_S)
        reason = unhealthy(engine, service)
    check_identity(service)


def unhealthy(engine: Engine, service: Service, *, timeout: float = _ANSWER_S) -> str:
    """Return why the service is not healthy yet; an empty text when it is.

    Args:
        engine: what runs it.
        service: the service.
        timeout: seconds for an address to answer.

    Raises:
        Refusal: waiting longer is of no use.
    """
    if service.kind != PROBE:
        if not engine.running(service):
            raise Refusal(f"{service.name} is not running{last_words(engine, service)}")
        if service.health.container:
            known = engine.healthy(service)
            if known is None:
                raise Refusal(
                    f"{service.name} has no health check of its own: give its container one, or declare tcp, "
                    "http or postgresql as its health"
                )
            return "" if known else "its container's health check does not say healthy"
    if service.health.ready and service.data is not None:
        return why_not_ready(service.place)
    try:
        return health.answer(service.health, timeout)
    except Refusal as refusal:
        raise Refusal(f"{service.name}: {refusal}") from None


def check_identity(service: Service) -> None:
    """Prove that the server which answers is the one on this directory.

    Raises:
        Refusal: it is another one.
    """
    if service.data is None or not service.health.postgresql:
        return
    expected = read_control(service.place).system_identifier
    found = health.system_identifier(service.health)
    if found != expected:
        raise Refusal(
            f"{service.name}: the server that answers has system identifier {found}, {service.data} has "
            f"{expected}: the address and the data directory are of different servers; correct one of them "
            "in the inventory"
        )


def last_words(engine: Engine, service: Service) -> str:
    """Return the end of a service's log, as the end of a sentence."""
    words = "" if service.kind == PROBE else engine.last_words(service)
    return f"; its log ends: {words}" if words else ""


def secrets_of(service: Service) -> tuple[str, ...]:
    """Return what of a service's definition is shown nowhere."""
    return secret_texts((service.health.postgresql, service.health.http)) + secrets_in(service.environment)


def _each(services: Sequence[Service], act: Callable[[Service], None]) -> None:
    """Act on all at once; one that fails does not keep the others from getting there.

    What a service, its log or its server says may repeat a secret of it, or of one beside it.
    """
    secrets = [text for service in services for text in secrets_of(service)]

    def attempt(service: Service) -> str:
        try:
            act(service)
        except Refusal as refusal:
            return masked(str(refusal), sorted(secrets, key=len, reverse=True))
        return ""

    if not services:
        return
    with ThreadPoolExecutor(max_workers=len(services)) as pool:
        failures = [failure for failure in pool.map(attempt, services) if failure]
    if failures:
        raise Refusal("; ".join(failures))
