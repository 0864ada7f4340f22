#!/usr/bin/python
"""Ansible module: begin a run on the host of the volume."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: run_begin
short_description: Claim the volume for a run, accept and adopt it, and recover what an interrupted run left
description:
  - "In one call what every run begins with, in this order: M(dataportal.reingest.run_lock) claims the volume,
    M(dataportal.reingest.volume_adopt) accepts its file system and adopts what the ledger does not know, and
    M(dataportal.reingest.switch_window) recovers the host from a switch that was cut short."
  - The first of them that is refused ends it. A volume that was claimed by then stays claimed.
  - In check mode nothing is recovered where C(prod) is to be repaired first (RV(first)).
options: {}
extends_documentation_fragment:
  - dataportal.reingest.context
  - dataportal.reingest.proof
  - dataportal.reingest.claim
  - dataportal.reingest.adoption
  - dataportal.reingest.services.switch
  - dataportal.reingest.recovery
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
author: ["The reingest developers (!UNKNOWN)"]
"""

EXAMPLES = r"""
- name: Begin
  dataportal.reingest.run_begin:
    volume: /srv/pg
    run: 20261123T114500Z-4711
    operator: 0000-0002-1825-0097
    operators: [0000-0002-1825-0097]
    work: /var/lib/reingest
    engine: docker
    production:
      - {name: db, kind: postgresql, data: /srv/pg/prod, linked: true}
    look: true
"""

RETURN = r"""
holder:
  description: Who has the volume, when the claim was refused.
  returned: failure
  type: dict
  contains:
    run: {description: The run's id., type: str}
    operator: {description: Whose run it is., type: str}
    controller: {description: Machine and boot of the controller., type: str}
    process: {description: The process of C(ansible-playbook) there., type: int}
    process_started: {description: "Its start time, as its kernel tells it.", type: str}
    since: {description: When it was claimed., type: str}
    renewed: {description: The last sign of life., type: str}
    phase: {description: What the run does., type: str}
    proof: {description: The key that proved who runs., type: str}
challenge:
  description: What is to be signed, where this host requires a proof of who runs and got none.
  returned: failure
  type: dict
  contains:
    run: {description: The run's id., type: str}
    volume: {description: The volume's path., type: str}
    playbook: {description: What is run., type: str}
    operator: {description: Who runs it., type: str}
    arguments: {description: The digest of the arguments., type: str}
    ledger: {description: The ledger's last hash., type: str}
first:
  description: In check mode, the repairs before which nothing that comes after them can be planned.
  returned: success
  type: list
  elements: str
live:
  description: The snapshot that is live afterwards; empty when there is none.
  returned: success
  type: str
volume:
  description: C(live) and its C(release), C(loaded) (the finished load in the staging server), C(lost)
    (whether the machine went down while what the staging server holds was not on disk) and C(fenced) (whether
    a copy of the load that was cut short has fenced it).
  returned: with O(look)
  type: dict
  contains:
    live: {description: The snapshot that serves., type: str}
    loaded: {description: The finished load., type: str}
    lost: {description: Whether it is not to be trusted., type: bool}
    fenced: {description: Whether nobody gets into it., type: bool}
    release: {description: The release of what serves., type: str}
    profiles: {description: Those that were kept of what serves; only for a run that verifies., type: dict}
recovered:
  description: What the recovery did, or in check mode would do, a sentence each.
  returned: success
  type: list
  elements: str
running:
  description: The services of this host that run afterwards.
  returned: success
  type: list
  elements: str
step:
  description: What was done, for the report.
  returned: always
  type: dict
"""

from contextlib import nullcontext
from typing import Any

from ..module_utils.adopt_call import ADOPTION, LOCK, adopt
from ..module_utils.claim_call import CLAIM, take
from ..module_utils.recover_call import RECOVERY, recovered
from ..module_utils.reingest.volume.lock import check_run, verb
from ..module_utils.runner import Call, Outcome, Verb, run_module

OPTIONS: dict[str, Any] = {**CLAIM, **ADOPTION, **RECOVERY}


def begin(call: Call) -> Outcome:
    """Claim, adopt, recover; the first that is refused is the last."""
    claimed = take(call)
    if claimed.failure:
        return claimed
    check_run(call.volume, call.run, dry=call.check)
    with nullcontext() if call.check else verb(call.volume, call.run, phase=LOCK):
        adopted = adopt(call)
    done = [claimed, adopted]
    nothing: dict[str, Any] = {"live": "", "recovered": [], "running": []}
    if not (adopted.failure or (call.check and adopted.values["first"])):
        outcome = recovered(call)
        done.append(outcome)
        nothing = {"recovered": list(outcome.did)}
    values = {key: value for one in done for key, value in one.values.items()}
    return Outcome(
        any(one.changed for one in done),
        [did for one in done for did in one.did],
        values={**values, **nothing},
        diff=adopted.diff,
        detail=adopted.detail,
        warnings=[warning for one in done for warning in one.warnings],
        failure=done[-1].failure,
    )


def main() -> None:
    """Run the module."""
    run_module(Verb(begin, stage="preflight", claims=False), OPTIONS)


if __name__ == "__main__":
    main()
