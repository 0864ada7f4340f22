#!/usr/bin/python
"""Ansible module: accept a volume, and make one that the runbook left one that reingest can work on."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: volume_adopt
short_description: Accept a volume, and adopt what something else left on it
description:
  - "First the file system: on a local disk with a journal all guarantees hold. On a network volume, in
    memory, in a container's layers or behind a FUSE program the module names the kind and what cannot be
    promised there, and refuses it unless O(accepted) is that very kind. Whether two directories can be
    exchanged in one step is tried, in check mode it is taken from the kind."
  - Refuses an C(ingest/) that is a mount of its own unless loads are copied, and a C(staging/) that is one.
  - "Looks for what is not as reingest keeps it: a C(prod) that is a real directory, or a link of another
    spelling; a link that a second C(ln -sf) put inside a data directory; data directories of mode 0755 or of
    root; dotfiles that C(mv ingest/*) left; a missing C(ingest/); snapshots that the ledger does not know,
    and what in C(staging/) is none."
  - Repairs it, each step durable before the next, and found again or found done when the run is killed.
    What cannot be told apart for sure is named in a warning, and left.
  - Deletes no data. What goes are empty directories, and links.
  - A real C(prod) directory becomes a snapshot by one exchange, only while its server is stopped in order;
    else that one repair is refused, and the others are made.
  - Adopted snapshots are synced to disk, and get their lines in the ledger. The one that is live counts as
    good.
  - On a volume in order nothing changes, and no tree is walked.
options:
  accepted:
    description: The kind that is accepted, as the kernel names it (V(nfs4), V(tmpfs)); empty is none.
    type: str
    default: ""
  loads:
    description: Whether the run loads, so that the load must be able to leave C(ingest/).
    type: bool
    default: false
  copies:
    description: Whether a load is copied where it cannot be renamed.
    type: bool
    default: false
extends_documentation_fragment: [dataportal.reingest.context]
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
author: ["The reingest developers (!UNKNOWN)"]
"""

EXAMPLES = r"""
- name: Adopt what the runbook left
  dataportal.reingest.volume_adopt:
    volume: /srv/pg
    run: 20261123T114500Z-4711
    operator: 0000-0002-1825-0097
"""

RETURN = r"""
kind:
  description: The file system, as the kernel names it.
  returned: success
  type: str
lost:
  description: What cannot be promised there, one phrase each.
  returned: success
  type: list
  elements: str
told:
  description: What was found and is not repaired, one sentence each.
  returned: success
  type: list
  elements: str
first:
  description: In check mode, the repairs before which nothing that comes after them can be planned.
  returned: success
  type: list
  elements: str
step:
  description: What was done, for the report.
  returned: always
  type: dict
"""

from datetime import datetime, timezone
from typing import Any

from ..module_utils.reingest.adoption.adopt import apply_adoption, plan_adoption
from ..module_utils.reingest.promotion.movable import refuse_mounts
from ..module_utils.reingest.volume.kind import Kind, kind_of, probe_exchange, refuse_kind
from ..module_utils.reingest.volume.ledger import survey_ledger
from ..module_utils.reingest.volume.signers import RECOVER
from ..module_utils.runner import Call, Outcome, Verb, run_module

OPTIONS: dict[str, Any] = {
    "accepted": {"type": "str", "default": ""},
    "loads": {"type": "bool", "default": False},
    "copies": {"type": "bool", "default": False},
}


def accept(call: Call) -> Kind:
    """Return the kind of the volume's file system, or refuse it."""
    if call["loads"]:
        refuse_mounts(call.volume, copies=call["copies"])
    kind = kind_of(call.volume, exchanges=None if call.check else probe_exchange(call.volume))
    refuse_kind(call.volume, kind, call["accepted"])
    return kind


def adopt(call: Call) -> Outcome:
    """Accept the volume's file system, and adopt what something else left on the volume."""
    kind = accept(call)
    damage = survey_ledger(call.volume)[1] if call["playbook"] == RECOVER else []
    if damage:  # nobody knows what is to be adopted, and the portal is brought back all the same
        told = {"kind": kind.name, "lost": list(kind.lost), "told": damage, "first": []}
        return Outcome(values=told, warnings=damage)
    plan = plan_adoption(call.volume, datetime.now(timezone.utc), exclusive=call["exclusive"])
    if plan.changed and not call.check:
        apply_adoption(call.volume, plan, **call.who, exclusive=call["exclusive"])
    lost = [f"accepted for {kind.shown()}: {one}" for one in kind.lost]
    return Outcome(
        plan.changed,
        plan.did(),
        values={"kind": kind.name, "lost": list(kind.lost), "told": plan.told(), "first": plan.first()},
        diff=plan.diff(),
        detail={"kind": kind.name, "lost": list(kind.lost)} if kind.lost else {},
        warnings=[*lost, *plan.told()],
        failure="" if call.check else "; ".join(plan.refused()),
    )


def main() -> None:
    """Run the module."""
    run_module(Verb(adopt, stage="preflight", recovers=True, lock="adopts what is on the volume"), OPTIONS)


if __name__ == "__main__":
    main()
