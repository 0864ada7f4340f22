#!/usr/bin/python
"""Ansible module: begin a run on the host of the volume."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: run_begin
short_description: Claim the volume for a run, accept and adopt it, and look whether a switch was cut short
description:
  - "In one call what every run begins with, in this order: M(dataportal.reingest.run_lock) claims the volume,
    M(dataportal.reingest.volume_adopt) accepts its file system and adopts what the ledger does not know. Then
    it is looked whether a switch was cut short (RV(interrupted)), which M(dataportal.reingest.switch_window)
    recovers; that is rare, and its code is large."
  - The first of them that is refused ends it. A volume that was claimed by then stays claimed.
options: {}
extends_documentation_fragment:
  - dataportal.reingest.context
  - dataportal.reingest.proof
  - dataportal.reingest.claim
  - dataportal.reingest.adoption
  - dataportal.reingest.services.switch
  - dataportal.reingest.look
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
interrupted:
  description: Whether a switch was cut short on this host. Then nothing else is said of it.
  returned: success
  type: bool
volume:
  description: C(live) and its C(release), C(loaded) (the finished load in the staging server), C(lost)
    (whether the machine went down while what the staging server holds was not on disk) and C(fenced) (whether
    a copy of the load that was cut short has fenced it).
  returned: with O(look), unless interrupted
  type: dict
  contains:
    live: {description: The snapshot that serves., type: str}
    loaded: {description: The finished load., type: str}
    lost: {description: Whether it is not to be trusted., type: bool}
    fenced: {description: Whether nobody gets into it., type: bool}
    release: {description: The release of what serves., type: str}
    profiles: {description: Those that were kept of what serves; only for a run that verifies., type: dict}
longest_start:
  description: Seconds that the longest start of a service took in earlier runs; 0 where none is known.
  returned: success
  type: float
running:
  description: The services of this host that run.
  returned: success
  type: list
  elements: str
views_wait:
  description: Whether a switch may have left materialised views for after its window, and nobody refreshed
    them yet; see M(dataportal.reingest.carry_over).
  returned: success
  type: bool
step:
  description: What was done, for the report.
  returned: always
  type: dict
"""

from contextlib import nullcontext
from typing import Any

from ..module_utils.adopt_call import ADOPTION, LOCK, adopt
from ..module_utils.claim_call import CLAIM, take
from ..module_utils.look_call import LOOK, host_of, look, running_on
from ..module_utils.reingest.volume.lock import check_run, verb
from ..module_utils.reingest.volume.pending_views import views_wait
from ..module_utils.reingest.volume.times_record import earlier_times
from ..module_utils.reingest.window.interrupted import to_recover
from ..module_utils.runner import Call, Outcome, Verb, run_module

OPTIONS: dict[str, Any] = {**CLAIM, **ADOPTION, **LOOK}


def begin(call: Call) -> Outcome:
    """Claim, adopt, look; the first that is refused is the last."""
    claimed = take(call)
    if claimed.failure:
        return claimed
    check_run(call.volume, call.run, dry=call.check)
    with nullcontext() if call.check else verb(call.volume, call.run, phase=LOCK):
        adopted = adopt(call)
    did, warnings = [*claimed.did, *adopted.did], list(adopted.warnings)
    values = {**claimed.values, **adopted.values, "interrupted": False, "running": []}
    values["longest_start"] = earlier_times(call.volume).longest_start
    values["views_wait"] = False
    failure = adopted.failure
    repairs = call.check and adopted.values["first"]  # where prod is no link, nothing can be told yet
    if not (failure or repairs):
        values["running"] = running_on(host_of(call))
        values["interrupted"] = to_recover(call.records, call.volume)
        values["views_wait"] = views_wait(call.volume)
        if call["look"] and not values["interrupted"]:
            values["volume"], failure, told = look(call)
            warnings += told
    return Outcome(
        adopted.changed,
        did,
        values=values,
        diff=adopted.diff,
        detail=adopted.detail,
        warnings=warnings,
        failure=failure,
    )


def main() -> None:
    """Run the module."""
    run_module(Verb(begin, stage="preflight", claims=False), OPTIONS)


if __name__ == "__main__":
    main()
