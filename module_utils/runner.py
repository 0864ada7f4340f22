"""Runs the verb of a module: the one place where Ansible and the project's own code meet.

A module is its documentation, its options and one call of ``run_module``. The verb gets a ``Call``, plans,
applies what it planned unless the call is dry, and returns an ``Outcome``; it raises ``Refusal`` where it
will not, and ``ImportError`` where a library is missing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from .reingest.disclosure.printable import name_of, printable, printable_text
from .reingest.disclosure.secrets import shown_options
from .reingest.errors import ListedRefusal, Refusal, texts_of
from .reingest.fs.own_folder import refuse_shared
from .reingest.runs.steps import Predicted, StepClock, append_step, predicted, read_steps
from .reingest.volume.layout import Volume, open_volume
from .reingest.volume.lock import check_run, verb
from .reingest.volume.operators import orcid
from .reingest.volume.ownership import refuse_replaced
from .reingest.volume.run_id import checked_run
from .reingest.volume.signers import refuse_unproven
from .reingest.volume.snapshot_id import checked

# What every module of a run gets, by `module_defaults` of the action group `dataportal.reingest.run`;
# documented by the fragment `dataportal.reingest.context`.
CONTEXT: dict[str, Any] = {
    "volume": {"type": "path", "default": ""},
    "work": {"type": "path", "default": ""},
    "records": {"type": "path", "default": ""},
    "run": {"type": "str", "default": ""},
    "operator": {"type": "str", "default": ""},
    "playbook": {"type": "str", "default": ""},
    "engine": {"type": "str", "default": ""},
    "exclusive": {"type": "bool", "default": False},
    "stop_timeout": {"type": "float", "default": 120},
    "start_timeout": {"type": "float", "default": 60},
    "watchdog": {"type": "float", "default": 60},
    "window": {"type": "bool", "default": False},
    "stage": {"type": "str", "default": ""},
    "gather": {"type": "bool", "default": False},
}

# What one host says becomes an argument of another: each id and name has one form, checked where it enters.
_FORMS: Mapping[str, Callable[[str], str]] = {
    "run": checked_run,
    "take_over": checked_run,
    "operator": orcid,
    "snapshot": checked,
    "loaded": checked,
    "previous": checked,
    "release": lambda text: name_of(text, "release"),
}


@dataclass(frozen=True)
class Call:
    """One call of a module, on one host."""

    params: Mapping[str, Any]
    check: bool  # plan, change nothing: check mode, or a task that only plans
    dry_run: bool  # the whole run is dry

    def __getitem__(self, option: str) -> Any:  # noqa: ANN401 - each option has a type of its own
        """Return the value of an option."""
        return self.params[option]

    @cached_property
    def volume(self) -> Volume:
        """The volume.

        Raises:
            Refusal: there is none at that path, or the task was not told one.
        """
        if not self.params["volume"]:
            raise Refusal("the task has no volume: leave it out on a host without the volume")
        volume = open_volume(Path(self.params["volume"]))
        if self.work is not None:
            refuse_replaced(self.work, volume)
        return volume

    @property
    def run(self) -> str:
        """The run's id."""
        return str(self.params["run"])

    @property
    def who(self) -> dict[str, Any]:
        """Who acts, as the ledger has it: ``run`` and ``operator``."""
        return {"run": self.run, "operator": str(self.params["operator"])}

    @property
    def work(self) -> Path | None:
        """The host's own directory; None where the task was told none."""
        return Path(self.params["work"]) if self.params["work"] else None

    @property
    def records(self) -> Path:
        """The host's folder for restart policies, process ids and logs, and for the window's record.

        Raises:
            Refusal: the task was not told where.
        """
        if self.params["records"]:
            return Path(self.params["records"])
        if self.work is None:
            raise Refusal("the task has no work folder: set `work`, this host's own directory")
        return self.work / "services"

    @property
    def patience(self) -> float:
        """Seconds to wait for the same step, started twice: it ends within its own timeouts."""
        return float(self.params["stop_timeout"] + self.params["start_timeout"])

    @cached_property
    def predicted(self) -> Predicted:
        """What the earlier steps of this dry run bring about on this host; nothing outside a dry run."""
        if not self.dry_run or self.work is None or not self.run:
            return Predicted()
        return predicted(read_steps(self.work, self.run))


@dataclass(frozen=True)
class Outcome:
    """What a verb did, or in check mode would do."""

    changed: bool = False
    did: Sequence[str] = ()
    values: Mapping[str, Any] = field(default_factory=dict)  # the result's own keys
    diff: Mapping[str, str] | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)  # figures for the report
    warnings: Sequence[str] = ()
    failure: str = ""  # why the call fails although it did something
    findings: Sequence[str] = ()  # the same where it is several things, one text each
    listed: bool = False  # its lines are shown as they are
    predicts: Predicted = field(default_factory=Predicted)
    planned: bool = False  # only planned: no step of the run, and no change
    in_parts: bool = False  # its parts are steps of the run, each by itself


@dataclass(frozen=True)
class Verb:
    """What the runner needs to know of a module's verb."""

    act: Callable[[Call], Outcome]
    stage: str  # of the report, unless the task says another one
    recovers: Callable[[Call], bool] | bool = False  # it may work for a run that did not prove who runs it
    claims: bool = True  # the run must have claimed the volume, where the call has one
    lock: Callable[[Call], str] | str = ""  # held while it works: what the verb does, for who looks meanwhile
    before: Callable[[Call], None] | None = None  # what else must be in order on the volume, or it refuses
    hold: Callable[[Call], AbstractContextManager[Any]] | None = None  # the open window of a switch


def run_module(verb_: Verb, options: Mapping[str, Any]) -> None:
    """Run a module to its end, and append its step to the run's file on this host.

    Args:
        verb_: what it does.
        options: its own options, beside the run's context.
    """
    os.umask(0o077)  # nobody else reads what a module writes, unless it gets another mode
    module = _Module({**CONTEXT, **options}, supports_check_mode=True)
    params = module.params
    try:
        for name, form in _FORMS.items():
            if params.get(name):
                form(params[name])
    except Refusal as refusal:
        module.fail_json(msg=printable(str(refusal)))
    planning = bool(params.get("plan_only"))
    call = Call(params, check=module.check_mode or planning, dry_run=module.check_mode)
    outcome, step = made(verb_, call)
    failure = outcome.failure
    for warning in outcome.warnings:
        module.warn(printable(warning))
    result = {**outcome.values, "changed": outcome.changed, "step": step}
    if outcome.diff is not None:
        result["diff"] = dict(outcome.diff)
    if failure and params["gather"]:
        module.exit_json(
            **result, findings=[printable_text(one) for one in outcome.findings or (one_line(failure),)]
        )
    if failure:
        module.fail_json(msg=printable_text(failure) if outcome.listed else one_line(failure), **result)
    module.exit_json(**result)


def made(verb_: Verb, call: Call) -> tuple[Outcome, dict[str, Any]]:
    """Make one step of the run: act, and append the step to the run's file on this host.

    Returns:
        what it did, a refusal as the outcome's ``failure``; and the step, as ``StepClock`` makes it.
    """
    clock = StepClock(call["stage"] or verb_.stage)
    try:
        outcome = _acted(verb_, call)
    except Refusal as refusal:
        listed = isinstance(refusal, ListedRefusal)
        outcome = Outcome(failure=str(refusal), findings=texts_of(refusal), listed=listed)
    except ImportError as error:  # Ansible tells of other errors itself
        outcome = Outcome(failure=missing_required_lib(error.name or str(error)))
    step = clock.step([printable(one) for one in outcome.did], changed=outcome.changed, detail=outcome.detail)
    if call.work is not None and call.run and not (outcome.planned or outcome.in_parts):
        failed = {"failure": one_line(outcome.failure)} if outcome.failure else {}
        try:
            append_step(call.work, call.run, {**step, **failed}, outcome.predicts if call.dry_run else None)
        except OSError as error:  # the work was done: a full disk takes only its line in the report
            missing = f"the step is missing in the report: {error}"
            outcome = replace(outcome, warnings=(missing, *outcome.warnings))
    return outcome, step


def one_line(text: str) -> str:
    """Return a text as one printable line."""
    return printable(" ".join(text.split()))


class _Module(AnsibleModule):
    """Logs and returns its options without what is secret in them: Ansible hides whole options only.

    Ansible has no public hook for that; tests/integration/trust/test_secrets.py sees that these are called.
    """

    def _log_invocation(self) -> None:
        params, self.params = self.params, shown_options(self.params)
        super()._log_invocation()
        self.params = params

    def _return_formatted(self, kwargs: dict[str, Any]) -> None:
        super()._return_formatted({"invocation": {"module_args": shown_options(self.params)}, **kwargs})


def _acted(verb_: Verb, call: Call) -> Outcome:
    """Act within the window, the claim and the lock that the verb needs; planned within the lock."""
    for name in ("work", "records"):
        if call[name]:
            refuse_shared(Path(call[name]), f"reingest_{name}")
    with verb_.hold(call) if verb_.hold is not None and not call.check else nullcontext():
        if not (call["volume"] and verb_.claims):
            return verb_.act(call)
        check_run(call.volume, call.run, dry=call.check)
        recovers = verb_.recovers if isinstance(verb_.recovers, bool) else verb_.recovers(call)
        if not (call.dry_run or recovers):
            refuse_unproven(call.volume, call.run)
        if verb_.before is not None:
            verb_.before(call)
        phase = verb_.lock if isinstance(verb_.lock, str) else verb_.lock(call)
        with nullcontext() if call.check or not phase else verb(call.volume, call.run, phase=phase):
            return verb_.act(call)
