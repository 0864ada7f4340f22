"""Claim the volume in the name of this ansible-playbook; take over what a killed one left; prove who runs."""

from __future__ import annotations

import os
from typing import Any

from ..module_utils.reingest.errors import Refusal
from ..module_utils.reingest.fs.record_values import is_run
from ..module_utils.reingest.host.boot import machine
from ..module_utils.reingest.host.processes import started_at
from ..module_utils.reingest.volume.operators import orcid
from ..module_utils.reingest.volume.proof import Statement, digest
from ..module_utils.reingest.volume.signature import sign
from .checked_module import ActionModule as CheckedModule

# Read where the class is loaded, which is before ansible-playbook forks: its worker outlives it for a moment,
# and would claim the volume for process 1, which never ends.
_CONTROLLER = os.getpid()


def controller() -> int:
    """Return the process of ansible-playbook, of which this is a worker; 0: it was killed."""
    parent = os.getppid()
    return parent if parent == _CONTROLLER or os.getpid() == _CONTROLLER else 0


class ActionModule(CheckedModule):
    """Run the module of the same name with what only the controller knows."""

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Return the result; try again when what is in the way is the claim of a dead process here."""
        super(CheckedModule, self).run(tmp, task_vars)
        process = controller()
        if not process:
            return {"failed": True, "msg": "ansible-playbook was killed: the volume is not claimed for it"}
        known = {"controller": machine(), "process": process, "process_started": started_at(process)}
        who = {key: value for key, value in known.items() if value}
        result = self.proven(who, task_vars)
        if result.get("failed") and died_here(result.get("holder")):
            result = self.proven({**who, "take_over": result["holder"]["run"]}, task_vars)
        return result

    def proven(self, extra: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        """Run the module; where the host asks for a proof of who runs, again with a signature."""
        arguments = {**self._task.args, **extra}
        key = str(arguments.pop("signing_key", "") or "")
        result = self.answer(arguments, task_vars)
        challenge = result.get("challenge") or {}
        if not (challenge and key and result.get("failed")):
            return result
        try:
            signature = self._signed(arguments, challenge, key)
        except Refusal as refusal:
            return {**result, "msg": str(refusal)}
        return self.answer({**arguments, "proof": signature}, task_vars)

    def _signed(self, arguments: dict[str, Any], challenge: dict[str, Any], key: str) -> str:
        """Return the signature of what this run is; only the ledger's hash is taken from the host."""
        statement = Statement(
            run=str(arguments.get("run", "")),
            volume=str(arguments.get("volume", "")),
            playbook=str(arguments.get("playbook", "")),
            operator=orcid(str(arguments.get("operator", ""))),
            arguments=digest(arguments.get("arguments") or {}),
            ledger=str(challenge.get("ledger", "")),
        )
        differs = [name for name, value in vars(statement).items() if challenge.get(name) != value]
        if differs:
            raise Refusal(
                f"the host asks to sign another {' and '.join(differs)} than this run has, which is not "
                "signed: write the volume's path in full, without ~ and variables; else look into that host"
            )
        self._display.display(
            f"sign run {statement.run} as {statement.operator}: a key in hardware waits for its touch"
        )
        return sign(statement.text(), key)


def died_here(holder: dict[str, Any] | None) -> bool:
    """Return whether a claim, as a host tells it, is that of a process of this controller that is gone."""
    if not holder or holder.get("controller") != machine() or not is_run(holder.get("run")):
        return False
    process, began = holder.get("process"), holder.get("process_started")
    return bool(process and began) and (started_at(process) or "") != began
