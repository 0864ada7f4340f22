#!/usr/bin/python
"""Ansible module: say how far the load on this host is."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: run_progress
short_description: Say how far the load on this host is
description:
  - "Looks at the load that began last: whose it is, its phase, rows, bytes, rate and time left of each table;
    or how it ended, or when it died."
  - Changes nothing. Does not need a claim of the volume.
extends_documentation_fragment: [dataportal.reingest.context]
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
author: ["The reingest developers (!UNKNOWN)"]
"""

EXAMPLES = r"""
- name: See how far it is
  dataportal.reingest.run_progress:
    work: /var/lib/reingest
  register: found
"""

RETURN = r"""
load:
  description:
    - "The load: C(run), C(operator), C(release), C(snapshot), C(phase), C(state) (running, finished, failed
      or died), C(message), C(heartbeat), C(process), C(rows), C(bytes), C(total) and C(tables)."
    - Empty when there was none.
  returned: success
  type: dict
text:
  description: The same as lines to print.
  returned: success
  type: list
  elements: str
step:
  description: What was checked, for the report.
  returned: always
  type: dict
"""

from pathlib import Path
from typing import Any

from ..module_utils.reingest.load.progress import fate, find_loads, now, silence
from ..module_utils.reingest.reporting.progress_lines import load_lines
from ..module_utils.runner import Call, Outcome, Verb, run_module


def newest(work: Path) -> dict[str, Any]:
    """Return the load that began last, and its lines."""
    loads = find_loads(work)
    if not loads:
        return {"load": {}, "text": ["no load yet"]}
    load, moment = loads[0], now()
    state = fate(load, moment)
    text = load_lines(load, state, silence(load, moment))
    return {"load": {**load.as_values(), "state": state}, "text": text}


def look(call: Call) -> Outcome:
    """Say how far the load is."""
    return Outcome(values=newest(call.records.parent if call.work is None else call.work), planned=True)


def main() -> None:
    """Run the module."""
    run_module(Verb(look, stage="preflight", claims=False), {})


if __name__ == "__main__":
    main()
