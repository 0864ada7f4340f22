#!/usr/bin/python
"""Ansible module: compare a load with its own counts, with the dataset's checks and with production."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ingest_verify
short_description: Verify the load in the staging server
description:
  - Compares each table with the rows that the load counted, makes the dataset's own checks, and compares
    with production.
  - Compares everything else that production's database has with the load, and with what production's own
    load made. What was made by hand is a finding, or is made in the load, too, as the dataset says
    (C(objects)), in one transaction and only where nothing is left to refuse. Else this changes nothing.
  - Fails when anything is found that was not accepted by name; lists all findings, not the first.
  - "Findings are named C(count:<table>), C(empty:<table>), C(schema:<table>),
    C(role:<name>), C(sql:<name of the check>) and C(object:<kind>:<name>)."
  - "Those about rows that are not like production's beyond their limits (see docs/profile.md) are named
    C(shrink:<table>), C(growth:<table>), C(lost:<table>), C(disk:<table>), and C(emptied:<table>.<column>),
    C(filled:...), C(shortened:...), C(range:...), C(vanished:...)."
  - "Those about what cannot be used as it stands are named C(unpopulated:<materialised view>),
    C(index:<index>), C(constraint:<table>.<constraint>), C(trigger:<table>.<trigger>), C(unlogged:<table>)
    and C(collation:<collation>)."
  - "With O(held): C(oids:<type>)."
  - Rows of portal-owned tables are no findings, whether the load has them or not, see RV(portal_rows).
  - "Those about production's cluster are named C(databases), C(prepared), C(standby), C(slot:<name>),
    C(subscription:<database>.<name>), C(archiving) and C(synchronous_standby_names)."
requirements: [psycopg2, PyYAML]
options:
  dataset:
    description: The dataset file.
    type: path
    required: true
  staging_dsn:
    description: The staging server, as libpq reads it.
    type: str
    required: true
  production_dsn:
    description: The server that the portal uses.
    type: str
    default: ""
  snapshot:
    description: The load that must be in the staging server. When empty, whichever is there.
    type: str
    default: ""
  kept:
    description:
      - RV(profiles) of production, as they were kept when it was loaded. A table that nobody wrote to since
        is not read again.
    type: dict
    default: {}
  accept:
    description:
      - Names of findings that are no failure; each becomes a warning.
      - "With what was seen behind an C(@) only that: at most so much (C(shrink:study@20)), or exactly that
        state, by its digest, as the finding prints it. Without, whatever is found of that name."
      - "C(*) stands for any text and C(?) for any character, as in C(object:view:*)."
    type: list
    elements: str
    default: []
  after_promote:
    description:
      - The task file that puts right, once the new server is proven, what a switch breaks outside of it.
      - Only whether there is one matters here. Findings of that kind are accepted only with it.
    type: str
    default: ""
  held:
    description: Whether the portal's clients are held while production is switched, and its services are not
      restarted afterwards. They may remember the OIDs of types then, and another one is a finding
      C(oids:<type>).
    type: bool
    default: false
  first:
    description: Nothing was ever promoted, so production need not be named, answer or have the database.
    type: bool
    default: false
  refuse:
    description: Fail where a finding was not accepted. With V(false) the text is returned as RV(refused), so
      that the caller tells it once.
    type: bool
    default: true
extends_documentation_fragment: [dataportal.reingest.context]
attributes:
  check_mode:
    support: full
    description:
      - The load, which comes earlier in a run, is taken as done, and the checks are listed.
      - They are made when O(snapshot) names a load that is in the staging server already.
  diff_mode:
    support: full
author: ["The reingest developers (!UNKNOWN)"]
"""

EXAMPLES = r"""
- name: Verify the load
  dataportal.reingest.ingest_verify:
    dataset: /srv/portal/dataset.yml
    staging_dsn: postgresql://loader@db-ingest/postgres
    production_dsn: postgresql://loader@db/postgres

- name: Verify a load that is known to be smaller
  dataportal.reingest.ingest_verify:
    dataset: /srv/portal/dataset.yml
    staging_dsn: postgresql://loader@db-ingest/postgres
    production_dsn: postgresql://loader@db/postgres
    accept: ["shrink:study@120"]
"""

RETURN = r"""
findings:
  description:
    - C(name), C(message) and C(remedy) of what was found, the accepted ones too. At most 1000 of them.
    - C(accept) is the entry of O(accept) that accepts it as it was seen; not there where nothing does.
    - C(accepted) is whether O(accept) did.
    - All are in C(findings.json) of the run's folder below O(work), where the run has one.
  returned: always
  type: list
  elements: dict
checks:
  description: What was checked, a sentence each.
  returned: always
  type: list
  elements: str
tables:
  description: The rows of each table in the staging server; empty where the checks were only listed.
  returned: always
  type: dict
database:
  description: The name of the dataset's database.
  returned: always
  type: str
portal:
  description: Whether the dataset has portal-owned tables or databases, whose rows the switch carries over.
  returned: always
  type: bool
databases:
  description: Other databases of production that the switch carries whole.
  returned: always
  type: list
  elements: str
portal_rows:
  description:
    - Of each portal-owned table that both servers have, how many of production's rows the load has already,
      compared by primary key. Empty where the checks were only listed, or there is no production.
  returned: always
  type: list
  elements: dict
  contains:
    table: {description: Its name., type: str}
    rows: {description: Its rows in production., type: int}
    in_load: {description: How many of these the load has; null where there is no primary key., type: int}
    only_in_load: {description: Rows that only the load has; the switch replaces them., type: int}
    example: {description: The key of a row that the load has not., type: str}
    told: {description: The same as a sentence; empty where neither has a row., type: str}
profiles:
  description:
    - The profiles of the load's source-owned tables, to be kept with it. No value of a text is in them. Empty
      in check mode.
  returned: always
  type: dict
refused:
  description: What is left to refuse, with the lines to paste; empty where the load may be promoted.
  returned: always
  type: str
found:
  description: How many findings there are.
  returned: always
  type: int
carried:
  description: The statements that made objects of the load what they are in production; in check mode would.
  returned: always
  type: list
  elements: str
step:
  description: What was done, for the report.
  returned: always
  type: dict
"""

from pathlib import Path
from typing import Any

from ..module_utils.reingest.errors import Refusal
from ..module_utils.runner import Call, Outcome, Verb, run_module

OPTIONS: dict[str, Any] = {
    "dataset": {"type": "path", "required": True},
    "staging_dsn": {"type": "str", "required": True, "no_log": True},
    "production_dsn": {"type": "str", "default": "", "no_log": True},
    "first": {"type": "bool", "default": False},
    "held": {"type": "bool", "default": False},
    "snapshot": {"type": "str", "default": ""},
    "kept": {"type": "dict", "default": {}},
    "accept": {"type": "list", "elements": "str", "default": []},
    "after_promote": {"type": "str", "default": ""},
    "refuse": {"type": "bool", "default": True},
}


_MOST = 1000  # findings in a result: it passes through the controller


def verify(call: Call) -> Outcome:
    """Plan the checks and make them; in check mode, before there is a load, list them."""
    # Imported here: without psycopg2 or PyYAML the runner tells what is missing.
    from ..module_utils.reingest.dataset.parse import parse_dataset
    from ..module_utils.reingest.dataset.patterns import expanded
    from ..module_utils.reingest.load.server import inspect_production, inspect_staging
    from ..module_utils.reingest.profile.kept import kept_from_plain
    from ..module_utils.reingest.verify.accept import judge
    from ..module_utils.reingest.verify.checks import plan_checks, summary
    from ..module_utils.reingest.verify.run import Verification, run_checks

    # What fills the tables was the load's question.
    dataset = parse_dataset(Path(call["dataset"]), loaded_elsewhere=True)
    staging, wanted = call["staging_dsn"], call["snapshot"]
    production = inspect_production(call["production_dsn"], dataset.database, required=not call["first"])
    compared = production is not None and production.has_database
    server = inspect_staging(staging, dataset.database, required=not call.check)
    load = server.record if server else None
    dataset = expanded(dataset, load.tables if load else ())
    checks = plan_checks(dataset, against_production=compared, held=call["held"])
    if load is not None and wanted not in ("", load.snapshot) and not call.check:
        raise Refusal(f"the staging server holds the load {load.snapshot}, not {wanted}: load first")
    if call.check and (load is None or not load.finished or load.snapshot != wanted):
        verification = Verification((), {})
    else:
        live = call["production_dsn"] if compared else ""
        kept = kept_from_plain(call["kept"])
        verification = run_checks(dataset, checks, staging_dsn=staging, production_dsn=live, kept=kept)
    verdict = judge(verification.findings, call["accept"], hook=call["after_promote"])
    findings = [{**one.shown(), "accepted": one in verdict.met} for one in verification.findings]
    rows = [{**vars(one), "told": one.told} for one in verification.portal_rows]
    _write_findings(call, findings)
    profiles = verification.profiles if not call.check else None
    shown, objects = findings[:_MOST], verification.objects
    told = objects.told() if objects else []
    carried: list[str] = []
    if objects is not None and objects.to_carry and not verdict.refusal:
        carried = list(objects.carry(staging, keep=not call.check).did)
    return Outcome(
        changed=bool(carried),
        did=[
            *summary(checks),
            *told,
            *filter(None, (verification.empty, *(one["told"] for one in rows))),
            *(f"carry {' '.join(statement.split())}" for statement in carried),
        ],
        values={
            "findings": shown,
            "found": len(findings),
            "refused": verdict.refusal,
            "carried": carried,
            "checks": [planned.sentence for planned in checks],
            "tables": verification.counts,
            "database": dataset.database,
            "portal": dataset.portal,
            "databases": dataset.whole,
            "portal_rows": rows,
            "profiles": profiles.plain() if profiles else {},
        },
        diff={"before": "", "after": "".join(f"{statement}\n" for statement in carried)},
        detail={
            "counts": verification.counts,
            "findings": shown,
            "portal_rows": rows,
            "profiles": verification.compared,
        },
        warnings=[*verdict.warnings, *verification.warnings, *(objects.idle_rules() if objects else [])],
        failure=verdict.refusal if call["refuse"] else "",
        listed=True,
    )


def _write_findings(call: Call, findings: list[dict[str, Any]]) -> None:
    """Write all findings to the run's folder on this host."""
    from ..module_utils.reingest.fs.durable import make_own_directory, write_json

    if call.check or call.work is None or not call.run or not call.work.is_dir():
        return
    make_own_directory(call.work / call.run)
    write_json(call.work / call.run / "findings.json", {"findings": findings})


def main() -> None:
    """Run the module."""
    run_module(Verb(verify, stage="verify", claims=False), OPTIONS)


if __name__ == "__main__":
    main()
