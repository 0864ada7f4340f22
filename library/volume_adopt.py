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
extends_documentation_fragment: [dataportal.reingest.context, dataportal.reingest.adoption]
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

from ..module_utils.adopt_call import ADOPTION, LOCK, adopt
from ..module_utils.runner import Verb, run_module

OPTIONS = ADOPTION


def main() -> None:
    """Run the module."""
    run_module(Verb(adopt, stage="preflight", recovers=True, lock=LOCK), OPTIONS)


if __name__ == "__main__":
    main()
