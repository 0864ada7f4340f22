#!/usr/bin/python
"""Ansible module: load a dataset into the staging server."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ingest_load
short_description: Load a dataset into the staging server
description:
  - Makes the dataset's database in the staging server anew, from its schema and sources, tables in parallel.
  - Writes down in schema C(reingest) of that database what was loaded from what.
  - Everything that can be known before the first change is checked before it.
  - Does nothing where production, or the staging server, has a finished load of the same dataset, schema,
    transforms and sources.
  - A load that ended early, however it ended, is gone on with by the next one. Tables that it filled
    completely stay, where the schema, the table's section and the content of its sources are the same.
  - It starts over, and says why, where the schema is another one, a transform has changed rows, or the server
    was not stopped cleanly while C(fsync) was off.
  - Runs in the background of its host, and shows how far it is, see O(show).
requirements: [psycopg2, PyYAML]
options:
  dataset:
    description: The dataset file.
    type: path
    required: true
  sources:
    description: Another folder of sources than the dataset names, relative to the dataset's own folder.
    type: path
    default: ""
  release:
    description:
      - Another name of the release than the dataset gives.
      - Without either it is the name of the folder of sources.
    type: str
    default: ""
  staging_dsn:
    description:
      - The staging server, as libpq reads it.
      - The login may create databases, and tables in the server's database C(postgres), to try the schema.
      - The password may be in C(PGPASSWORD) or in a password file instead.
    type: str
    required: true
  production_dsn:
    description: The server that the portal uses. Only read.
    type: str
    default: ""
  production_required:
    description: Whether production must be named, answer and have the database. False for the first ingest.
    type: bool
    default: true
  run:
    description: The run's id.
    type: str
    required: true
  operator:
    description: ORCID iD of who runs it.
    type: str
    required: true
  snapshot:
    description: The id of the load. When empty, the time at which it begins.
    type: str
    default: ""
  force:
    description: Load although these sources were loaded already, and from the beginning.
    type: bool
    default: false
  plan_only:
    description:
      - "Check mode: only say what would be done. For the steps that come between this and the load itself: it
        reads no source beyond its digest, and is no step of the report."
    type: bool
    default: false
  planned:
    description:
      - RV(sources) of this run's plan, a call in check mode. Files that still have that size and time are not
        read again for their digests.
    type: list
    elements: dict
    default: []
  staging_required:
    description:
      - Whether the staging server must answer. False for a dry run that finds it stopped, which the run
        would start; the schema cannot be tried then, and the sources are only looked at from outside.
    type: bool
    default: true
  work:
    description:
      - The worker's own directory. Rows that the dataset sets aside are written below it, to
        C(<run>/rejects/<table>.jsonl), with file, line, column, value and reason.
      - Required where the dataset sets rows aside.
    type: path
    default: ""
  prove:
    description:
      - With C(content), each table must hold what was sent to it, value by value, before the load goes on.
      - With C(counts), only the rows are counted; for a schema whose triggers change rows as they come.
    type: str
    choices: [content, counts]
    default: content
  jobs:
    description: How many tables are filled at the same time. With 0, one for each core.
    type: int
    default: 0
  ended:
    description: Runs whose loads M(dataportal.reingest.run_end) has ended. In check mode they still run, and
      are no obstacle.
    type: list
    elements: str
    default: []
  show:
    description:
      - How the action plugin of the same name shows how far the load is. It runs the module in the background
        of its host, so that a connection that is lost does not end it, and reads its state from
        C(<work>/<run>/progress.json). In check mode, and without O(work), nothing is shown.
      - With C(auto), tables are drawn in place in a terminal, and a line is written now and then elsewhere;
        with C(lines), these lines in any case; with C(none), nothing.
    type: str
    choices: [auto, lines, none]
    default: auto
  patience:
    description:
      - Seconds for which the host may be out of the action plugin's reach before it gives up. The load goes
        on there until it ends, or until the next run or C(stop.yml) ends it.
    type: float
    default: 600
  stage:
    description: The report's stage that this step belongs to.
    type: str
    default: load
attributes:
  check_mode:
    support: full
    description:
      - The schema is applied in a transaction that is rolled back, and all sources are read to their end.
      - What only PostgreSQL can tell of a row (a value that does not fit, a key given twice, a reference to
        nothing) is found by the load itself.
  diff_mode:
    support: full
author: ["reingest"]
"""

EXAMPLES = r"""
- name: Load the release
  dataportal.reingest.ingest_load:
    dataset: /srv/portal/dataset.yml
    staging_dsn: postgresql://loader@db-ingest/postgres
    production_dsn: postgresql://loader@db/postgres
    run: 20261123T114500Z-4711
    operator: 0000-0002-1825-0097

- name: Load the first release, another folder than the dataset names, before there is a production
  dataportal.reingest.ingest_load:
    dataset: /srv/portal/dataset.yml
    sources: /srv/data/r1_2020-07-28
    staging_dsn: postgresql://loader@db-ingest/postgres
    production_required: false
    run: 20261123T114500Z-4711
    operator: 0000-0002-1825-0097
"""

RETURN = r"""
action:
  description:
    - C(load); C(keep_live) where production has these sources; C(keep_staged) where the staging server has.
  returned: success
  type: str
snapshot:
  description: The id of the load that was made, or that is kept.
  returned: success
  type: str
release:
  description: The release of that load.
  returned: success
  type: str
digest:
  description: One hash of the dataset, the schema, the transforms and the sources.
  returned: success
  type: str
tables:
  description:
    - C(owner), C(read), C(loaded), C(duplicates), C(orphans), C(rejected) and C(filtered) of each table.
    - Where it has sources, read = loaded + duplicates + orphans + rejected + filtered, or the load fails.
    - In check mode C(read) and C(filtered) are what the sources give, and the others are null.
  returned: success
  type: dict
kept:
  description:
    - By table, the run that filled it, for the tables that an unfinished load filled and that stayed.
  returned: success
  type: dict
rejects:
  description: The folder with the rows that were set aside; empty where there are none.
  returned: success
  type: str
sources:
  description: C(path), C(size), C(modified_ns), C(sha256) and C(tag) (a remote file's) of each file.
  returned: success
  type: list
  elements: dict
system_identifier:
  description: The staging server's, as text.
  returned: success
  type: str
step:
  description: What was done, for the report.
  returned: always
  type: dict
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ..module_utils.reingest.errors import Refusal
from ..module_utils.reingest.runs.step import StepClock

try:
    from ..module_utils.reingest.load.apply import apply_load, processes_of
    from ..module_utils.reingest.load.plan import plan_load, planned_tables
    from ..module_utils.reingest.load.rehearse import rehearse
    from ..module_utils.reingest.load.reporter import Reporter, reported
    from ..module_utils.reingest.postgres.dsn import address
    from ..module_utils.reingest.sources.files import shown_sources
except ImportError as error:
    MISSING = error.name or str(error)
else:
    MISSING = ""

ARGUMENT_SPEC: dict[str, Any] = {
    "dataset": {"type": "path", "required": True},
    "sources": {"type": "path", "default": ""},
    "release": {"type": "str", "default": ""},
    "staging_dsn": {"type": "str", "required": True, "no_log": True},
    "production_dsn": {"type": "str", "default": "", "no_log": True},
    "production_required": {"type": "bool", "default": True},
    "run": {"type": "str", "required": True},
    "operator": {"type": "str", "required": True},
    "snapshot": {"type": "str", "default": ""},
    "force": {"type": "bool", "default": False},
    "plan_only": {"type": "bool", "default": False},
    "planned": {"type": "list", "elements": "dict", "default": []},
    "staging_required": {"type": "bool", "default": True},
    "work": {"type": "path", "default": ""},
    "prove": {"type": "str", "choices": ["content", "counts"], "default": "content"},
    "jobs": {"type": "int", "default": 0},
    "ended": {"type": "list", "elements": "str", "default": []},
    "show": {"type": "str", "choices": ["auto", "lines", "none"], "default": "auto"},
    "patience": {"type": "float", "default": 600},
    "stage": {"type": "str", "default": "load"},
}


def load(params: dict[str, Any], clock: StepClock, *, check: bool) -> dict[str, Any]:
    """Plan the load and carry it out, or in check mode only read the sources; return the module's result."""
    folder = Path(params["work"]) / params["run"] if params["work"] else None
    facts = {name: params[name] for name in ("run", "operator", "release", "snapshot")}
    facts["staging"] = address(params["staging_dsn"])
    with reported(None if check else folder, facts) as reporter:
        return load_reported(params, clock, reporter, folder / "rejects" if folder else None, check=check)


def load_reported(
    params: dict[str, Any], clock: StepClock, reporter: Reporter, rejects: Path | None, *, check: bool
) -> dict[str, Any]:
    """Do it, and tell ``reporter`` how far it is."""
    plan = plan_load(
        Path(params["dataset"]),
        staging_dsn=params["staging_dsn"],
        production_dsn=params["production_dsn"],
        production_required=params["production_required"],
        sources=params["sources"],
        release=params["release"],
        snapshot=params["snapshot"],
        known=params["planned"],
        force=params["force"],
        staging_required=params["staging_required"] or not check,
        prove=params["prove"],
        ended=params["ended"],
    )
    reporter.know(release=plan.release, snapshot=plan.snapshot)
    processes = processes_of(params["jobs"])
    detail: dict[str, Any] = {}
    if plan.changed and not check:
        loaded = apply_load(
            plan,
            staging_dsn=params["staging_dsn"],
            run=params["run"],
            operator=params["operator"],
            processes=processes,
            rejects=rejects,
            prove=params["prove"],
            reporter=reporter,
        )
        tables = {name: vars(count) for name, count in loaded.tables.items()}
        detail = {"seconds": loaded.seconds, "transforms": loaded.transforms, "ways": loaded.ways}
    else:
        counted = rehearse(plan, processes) if plan.changed and not params["plan_only"] else {}
        tables = planned_tables(plan, counted)
    return {
        "changed": plan.changed,
        "action": plan.action,
        "snapshot": plan.snapshot,
        "release": plan.release,
        "digest": plan.digest,
        "tables": tables,
        "kept": {name: table.run for name, table in plan.filled.items()},
        "rejects": str(rejects) if rejects and rejects.is_dir() else "",
        "sources": shown_sources(plan.files),
        "system_identifier": plan.system_identifier,
        "diff": plan.diff(),
        "step": clock.step([], changed=False)
        if plan.changed and params["plan_only"]
        else clock.step(plan.did(), changed=plan.changed, detail={**detail, "tables": tables}),
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True)
    clock = StepClock(module.params["stage"])
    if MISSING:
        module.fail_json(msg=missing_required_lib(MISSING), step=clock.step([], changed=False))
    try:
        result = load(module.params, clock, check=module.check_mode)
    except Refusal as refusal:
        module.fail_json(msg=str(refusal), step=clock.step([], changed=False))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
