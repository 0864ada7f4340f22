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
  - Refuses, too, what its promotion would lose or break of production's cluster.
    "These findings are named C(databases), C(prepared), C(standby), C(slot:<name>),
    C(subscription:<database>.<name>), C(archiving), C(synchronous_standby_names), C(roles) and
    C(role:<account>)."
  - Brings production's roles into the staging server, with attributes, memberships, settings and hashes of
    passwords, before the schema is applied, and once more at the end. The account that it logs in with
    gets its password and settings at the end. A kept load gets all of it by the call with O(plan_only).
  - Does nothing where production, or the staging server, has a finished load of the same dataset, schema,
    transforms and sources.
  - A load that ended early, however it ended, is resumed by the next one. Tables that it filled
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
  roots:
    description: Further folders where files of C(from) may lie. Files outside of these and of the folder of
      sources are refused, by whatever name or link they are reached.
    type: list
    elements: path
    default: []
  release:
    description:
      - Another name of the release than the dataset gives.
      - Without either it is the name of the folder of sources.
    type: str
    default: ""
  staging_dsn:
    description:
      - The staging server, as libpq reads it.
      - The login may create databases. The schema is tried in one of its own, C(reingest_try_<run>), which is
        dropped at once; in check mode in one that is empty, where there is one.
      - The password may be in C(PGPASSWORD) or in a password file instead.
    type: str
    required: true
  production_dsn:
    description: The server that the portal uses. Only read.
    type: str
    default: ""
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
      - Only say what is to be done. For the steps that come between this and the load itself, it reads no
        source beyond its digest, and is no step of the report.
      - What an interrupted run still loads on this host is ended all the same.
    type: bool
    default: false
  planned:
    description:
      - RV(sources) of this run's plan, a call with O(plan_only). Files that still have that size and time are
        not read again for their digests.
    type: list
    elements: dict
    default: []
  prove:
    description:
      - With C(content), each table must hold what was sent to it, value by value, before the load goes on.
      - With C(independent), another reader then reads the sources once more, and its figures of each column
        must be those of the table. It needs the Python package duckdb.
      - With C(counts), only the rows are counted; for a schema whose triggers change rows as they come.
    type: str
    choices: [independent, content, counts]
    default: content
  jobs:
    description: How many tables are filled at the same time. With 0, one for each core.
    type: int
    default: 0
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
  accept:
    description: Names of findings about production's cluster that are no failure; each becomes a warning.
    type: list
    elements: str
    default: []
  after_promote:
    description:
      - The task file that puts right, once the new server is proven, what a switch breaks outside of it.
      - Only whether there is one matters here. Findings of that kind are accepted only with it.
    type: str
    default: ""
  staging_given_up:
    description: The load will start over with an empty staging server, or it does not come up. With
      O(plan_only) it is not asked then, and the schema is not tried.
    type: bool
    default: false
  first:
    description: Nothing was ever promoted, so production need not be named, answer or have the database.
    type: bool
    default: false
extends_documentation_fragment: [dataportal.reingest.context]
attributes:
  check_mode:
    support: full
    description:
      - The schema is applied in a transaction that is rolled back, and all sources are read to their end.
      - What only PostgreSQL can tell of a row (a value that does not fit, a key given twice, a reference to
        nothing) is found by the load itself.
  diff_mode:
    support: full
author: ["The reingest developers (!UNKNOWN)"]
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
    first: true
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
reader:
  description:
    - "With O(prove=independent), by table: C(compared), and C(reason) where another reader could not follow
      its sources; C(left_out), rows that are not in the table, within which its figures agree;
      C(not_compared), columns of which only NULLs were counted, and why."
    - Empty where nothing was compared.
  returned: success
  type: dict
sources:
  description: C(path), C(size), C(modified_ns), C(sha256) and C(tag) (a remote file's) of each file.
  returned: success
  type: list
  elements: dict
  contains:
    path: {description: Its name., type: str}
    size: {description: Bytes., type: int}
    modified_ns: {description: When it was changed., type: int}
    sha256: {description: Of the content., type: str}
    tag: {description: Of a remote file., type: str}
database:
  description: The name of the dataset's database.
  returned: success
  type: str
portal:
  description: Whether the dataset has portal-owned tables or databases, whose rows the switch carries over.
  returned: success
  type: bool
databases:
  description: Other databases of production that the switch carries whole.
  returned: success
  type: list
  elements: str
system_identifier:
  description: The staging server's, as text.
  returned: success
  type: str
roles:
  description:
    - What was done to make the staging server's roles those of production, a sentence each.
    - Where this is only the plan of a load that follows, none.
  returned: success
  type: list
  elements: str
step:
  description: What was done, for the report.
  returned: always
  type: dict
"""

from typing import Any

from ..module_utils.runner import Call, Outcome, Verb, run_module

OPTIONS: dict[str, Any] = {
    "dataset": {"type": "path", "required": True},
    "sources": {"type": "path", "default": ""},
    "roots": {"type": "list", "elements": "path", "default": []},
    "release": {"type": "str", "default": ""},
    "staging_dsn": {"type": "str", "required": True, "no_log": True},
    "production_dsn": {"type": "str", "default": "", "no_log": True},
    "staging_given_up": {"type": "bool", "default": False},
    "first": {"type": "bool", "default": False},
    "accept": {"type": "list", "elements": "str", "default": []},
    "after_promote": {"type": "str", "default": ""},
    "snapshot": {"type": "str", "default": ""},
    "force": {"type": "bool", "default": False},
    "plan_only": {"type": "bool", "default": False},
    "planned": {"type": "list", "elements": "dict", "default": []},
    "prove": {"type": "str", "choices": ["independent", "content", "counts"], "default": "content"},
    "jobs": {"type": "int", "default": 0},
    "show": {"type": "str", "choices": ["auto", "lines", "none"], "default": "auto"},
    "patience": {"type": "float", "default": 600},
}


def load(call: Call) -> Outcome:
    """Plan the load and carry it out; in check mode only read the sources."""
    # Imported here: without psycopg2 or PyYAML the runner tells what is missing.
    from ..module_utils.load_call import Frame, facts_of, outcome_of, request_of
    from ..module_utils.reingest.load.apply import apply_load, processes_of
    from ..module_utils.reingest.load.plan import plan_load, planned_tables
    from ..module_utils.reingest.load.rehearse import rehearse
    from ..module_utils.reingest.load.reporter import reported
    from ..module_utils.reingest.sources.files import shown_sources

    request = request_of(call)
    folder = call.work / call.run if call.work is not None else None
    rejects = folder / "rejects" if folder else None
    with reported(None if call.check else folder, facts_of(call)) as reporter:
        plan = plan_load(request, prove=call["prove"])
        frame = Frame(call, plan)
        reporter.know(release=plan.release, snapshot=plan.snapshot)
        processes = processes_of(call["jobs"])
        detail: dict[str, Any] = {}
        compared: list[str] = []
        if plan.changed and not call.check:
            frame.bring(last=False)  # the schema may give them rights
            loaded = apply_load(
                plan,
                staging_dsn=call["staging_dsn"],
                **call.who,
                processes=processes,
                rejects=rejects,
                prove=call["prove"],
                reporter=reporter,
            )
            frame.bring(last=True)
            tables = {name: vars(count) for name, count in loaded.tables.items()}
            detail = {"seconds": loaded.seconds, "transforms": loaded.transforms, "ways": loaded.ways}
            if loaded.reading is not None:
                detail["reader"], compared = loaded.reading.shown(), loaded.reading.did()
        else:
            counted = rehearse(plan, processes) if plan.changed and not call["plan_only"] else {}
            tables = planned_tables(plan, counted)
    values = {
        "action": plan.action,
        "snapshot": plan.snapshot,
        "release": plan.release,
        "digest": plan.digest,
        "tables": tables,
        "kept": {name: table.run for name, table in plan.filled.items()},
        "rejects": str(rejects) if rejects and rejects.is_dir() else "",
        "sources": shown_sources(plan.files),
        "database": plan.dataset.database,
        "portal": plan.dataset.portal,
        "databases": plan.dataset.whole,
        "system_identifier": plan.system_identifier,
        "reader": detail.get("reader", {}),
    }
    return outcome_of(call, request, plan, values, detail, frame, plan.warnings, compared)


def main() -> None:
    """Run the module."""
    run_module(Verb(load, stage="load", claims=False), OPTIONS)


if __name__ == "__main__":
    main()
