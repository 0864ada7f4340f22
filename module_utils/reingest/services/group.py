"""Stop or start a list of services in parallel, and wait until each is stopped or healthy."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ..errors import Refusal
from ..postgres.control import read_control
from ..postgres.datadir import is_data_directory, processes_in
from . import health
from .model import POSTGRESQL, Engine, Service

STARTED = "started"
STOPPED = "stopped"
HEALTHY = "healthy"
CHECKED = "checked"
_POLL_S = 0.1


@dataclass(frozen=True)
class GroupPlan:
    """Which services are to be started or stopped, and which are as wanted."""

    state: str
    act: tuple[Service, ...]
    running: tuple[str, ...]
    services: tuple[Service, ...]

    @property
    def changed(self) -> bool:
        """Whether a service is to be started or stopped."""
        return bool(self.act)

    def did(self) -> list[str]:
        """Return one sentence for each service that is acted on."""
        word = {STARTED: "start", STOPPED: "stop"}.get(self.state, self.state)
        return [f"{word} {service.name}" for service in self.act]

    def diff(self) -> dict[str, str]:
        """Return each service's state before and after."""
        before = {s.name: "running" if s.name in self.running else "stopped" for s in self.services}
        after = dict(before)
        for service in self.act:
            after[service.name] = "running" if self.state == STARTED else "stopped"
        return {"before": _lines(before), "after": _lines(after)}


def plan_group(engine: Engine, services: Sequence[Service], state: str, *, assume: str = "") -> GroupPlan:
    """Decide which services must be acted on.

    Args:
        engine: what runs them.
        services: the services.
        state: what is wanted.
        assume: check mode: the state, ``started`` or ``stopped``, that an earlier step of the run has brought them into.

    Raises:
        Refusal: with every fault of the services' definitions.
    """
    faults = [fault for service in services for fault in engine.faults(service)]
    if faults:
        raise Refusal("; ".join(faults))
    if assume:
        running = {service.name for service in services} if assume == STARTED else set()
    else:
        running = {service.name for service in services if engine.running(service)}
    act: list[Service] = []
    if state == STARTED:
        act = [service for service in services if service.name not in running]
    elif state == STOPPED:
        act = [service for service in services if service.name in running]
    return GroupPlan(state, tuple(act), tuple(sorted(running)), tuple(services))


def apply_group(engine: Engine, plan: GroupPlan, *, stop_timeout: float, start_timeout: float) -> None:
    """Act on all services at once and wait for each.

    Raises:
        Refusal: with what went wrong for every service that did not get there.
    """
    if plan.state == STOPPED:
        _each(plan.act, lambda service: _stop(engine, service, stop_timeout))
    elif plan.state == STARTED:
        for service in plan.act:
            refuse_unsafe_start(service)
        _each(plan.services, lambda service: _start(engine, service, service in plan.act, start_timeout))
    elif plan.state == HEALTHY:
        _each(plan.services, lambda service: _wait_healthy(engine, service, start_timeout))
    else:
        running = [service for service in plan.services if service.name in plan.running]
        _each(running, lambda service: _check_login(engine, service))


def refuse_unsafe_start(service: Service) -> None:
    """Refuse to start a PostgreSQL where it would make a data directory of its own, or be the second server on one.

    Raises:
        Refusal: ``linked`` and the data directory is no link to a data directory, or a process works in it.
    """
    if service.data is None:
        return
    if service.linked:
        if not service.data.is_symlink():
            what = "is a real directory" if service.data.exists() else "is not there"
            raise Refusal(f"{service.name} is not started: {service.data} {what}; it must be a link to a data directory (promote a load first)")
        if not is_data_directory(service.data):
            raise Refusal(f"{service.name} is not started: {service.data} does not lead to a data directory; promote a snapshot first")
    users = processes_in(service.data)
    if users:
        raise Refusal(f"{service.name} is not started: process {users[0]} works in {service.data}, a second server would destroy it")


def _stop(engine: Engine, service: Service, timeout: float) -> None:
    stopped = engine.stop(service, timeout)
    if service.kind != POSTGRESQL or stopped.code is None:
        return
    if stopped.code != 0:
        raise Refusal(f"{service.name} ended with exit code {stopped.code}, not in order: {engine.last_words(service)}")
    if service.data is not None and not read_control(service.data).clean:
        raise Refusal(f"{service.name} ended, but {service.data} is not shut down cleanly: {read_control(service.data).state}")


def _start(engine: Engine, service: Service, start: bool, timeout: float) -> None:
    if start:
        engine.start(service)
    _wait_healthy(engine, service, timeout)


def _wait_healthy(engine: Engine, service: Service, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    reason = "it has not answered yet"
    while True:
        known = None if not service.command and service.kind == "probe" else engine.healthy(service)
        if known is False and not engine.running(service):
            raise Refusal(f"{service.name} is not running: {engine.last_words(service)}")
        try:
            reason = health.answer(service.health) if known is not False else "the container's health check says no"
        except Refusal as refusal:
            raise Refusal(f"{service.name}: {refusal}") from None
        if not reason:
            _check_identity(service)
            return
        if time.monotonic() > deadline:
            raise Refusal(f"{service.name} is not healthy after {timeout:.0f} s: {reason}; {engine.last_words(service)}")
        time.sleep(_POLL_S)


def _check_login(engine: Engine, service: Service) -> None:
    reason = health.answer(service.health) if service.kind == POSTGRESQL else ""
    if reason:
        raise Refusal(f"{service.name} runs, but does not answer: {reason}; {engine.last_words(service)}")
    _check_identity(service)


def _check_identity(service: Service) -> None:
    """Prove that the server which answers is the one on this directory."""
    if service.data is None or not service.health.postgresql:
        return
    expected = read_control(service.data).system_identifier
    found = health.system_identifier(service.health.postgresql)
    if found != expected:
        raise Refusal(
            f"{service.name}: the server that answers has system identifier {found}, {service.data} has {expected}: "
            f"the address and the data directory are of different servers"
        )


def _each(services: Sequence[Service], act: Callable[[Service], None]) -> None:
    if not services:
        return
    failures = []
    with ThreadPoolExecutor(max_workers=len(services)) as pool:
        for future in [pool.submit(act, service) for service in services]:
            try:
                future.result()
            except Refusal as refusal:
                failures.append(str(refusal))
    if failures:
        raise Refusal("; ".join(failures))


def _lines(states: dict[str, str]) -> str:
    return "".join(f"{name}: {state}\n" for name, state in states.items())
