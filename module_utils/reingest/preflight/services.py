"""Whether this host's services are as a switch needs them, while they run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from ..disclosure.secrets import masked
from ..engines.model import POSTGRESQL, Engine, Service
from ..engines.occupancy import look
from ..errors import Refusal, texts_of
from ..refusals import Refused
from ..services.alone import refuse_company
from ..services.group import check_identity, definition_faults, last_words, secrets_of, unhealthy
from .found import HEALTH, Found

CHECKED = "checked"


@dataclass(frozen=True)
class Looked:
    """What was found of all services, and which run; one that cannot be looked at is in neither list."""

    found: tuple[Found, ...]
    running: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()


def check_services(
    engine: Engine, services: Sequence[Service], *, exclusive: bool = False, timeout: float = 2.0
) -> Looked:
    """Look at all services side by side: definition, health, and who is in their data directories.

    Args:
        engine: what runs them.
        services: the services.
        exclusive: whether the data directories are declared to be nobody else's, where that cannot be seen.
        timeout: seconds for each address to answer.
    """
    wrong = definition_faults(services, CHECKED)
    if wrong:
        return Looked(tuple(map(Found, wrong)))
    refused = Refused()
    faults = refused.ask([partial(engine.faults, one) for one in services])
    found = [Found(text) for texts in faults for text in texts or ()]
    good = [one for one, texts in zip(services, faults) if texts == []]
    if len(good) == len(services):
        with refused.noted():
            found += [Found(text) for text in engine.group_faults(services)]
    answers = refused.ask([partial(engine.running, one) for one in good])
    runs = {one.name: answer for one, answer in zip(good, answers)}  # None where the engine cannot say
    questions: list[Callable[[], Found | None]] = []
    for service in good:
        if runs[service.name]:
            questions.append(partial(_running, engine, service, timeout))
        if service.kind == POSTGRESQL and service.data is not None:
            questions.append(partial(refuse_company, engine, service, exclusive=exclusive))
            if runs[service.name]:
                questions.append(partial(_serves_here, service))
    found += [one for one in refused.ask(questions) if one is not None]
    found += [Found(text) for refusal in refused.found for text in texts_of(refusal)]
    secrets = sorted({text for one in services for text in secrets_of(one)}, key=len, reverse=True)
    shown = tuple(Found(masked(one.text, secrets), one.name) for one in found)
    running, stopped = (tuple(one.name for one in good if runs[one.name] is it) for it in (True, False))
    return Looked(shown, running, stopped)


def _running(engine: Engine, service: Service, timeout: float) -> Found | None:
    """Return why a service that runs is not healthy; of a server also that another one answers.

    Raises:
        Refusal: another server answers.
    """
    try:
        reason = unhealthy(engine, service, timeout=timeout)
    except Refusal as refusal:
        reason = str(refusal)
    if not reason:
        check_identity(service)
        return None
    told = reason if reason.startswith(service.name) else f"{service.name} runs, but is not healthy: {reason}"
    text = f"{told}{last_words(engine, service)}"
    if service.kind == POSTGRESQL:
        return Found(text)
    return Found(
        f"{text}; the switch waits for that, and goes back without it: correct the service, or its health in "
        "reingest_services",
        f"{HEALTH}:{service.name}",
    )


def _serves_here(service: Service) -> None:
    """Refuse a server that runs and works in another directory: a copy has the same system identifier.

    Raises:
        Refusal: nobody works in the directory.
    """
    assert service.data is not None  # noqa: S101 - for the type checker: only those with one come here
    occupancy = look(service.data)
    if not (occupancy.occupants or occupancy.blind_spots):
        raise Refusal(
            f"{service.name} runs, but no server works in {service.data}: it serves another directory; "
            "correct its data directory (PGDATA), or the mount of the volume"
        )
